import { join } from 'node:path';
import { createTokenizer, type Processor, type Tokenizer, type TokenizerFiles } from '@blip2/data';
import { type QFormerConfig, qformerConfigJson } from '@blip2/qformer';
import type { Json } from '@blip2/tensor';
import { flatten, type Tree } from '@blip2/tensor';
import { type TensorEntry, writeShardedSafetensors } from '@blip2/tensor/safetensors';
import type { Stage1Params, Stage2Params } from '@blip2/training';
import type { Prompts } from '../generate/prompts.js';
import { replaceFolder, writeJson } from './atomic-folder.js';
import { type ExternalModel, isExternal } from './config.js';
import { type FrozenFolder, type LanguageFolder, openLanguage, openVision } from './frozen.js';
import { IMAGE_TOKEN, withImageToken } from './image-token.js';
import { processorJson } from './processor-json.js';
import { readTokenizerFiles, writeTokenizer } from './tokenizer-files.js';

/** A frozen model: the folder that its weights are copied from, as they are stored there; or a name alone. */
export type Frozen = { readonly folder: string } | ExternalModel;

interface SavedModel {
  readonly config: QFormerConfig;
  readonly vision: Frozen;
  readonly processor: Processor;
  /** A folder that holds one, or the files as parsed JSON. */
  readonly tokenizer: string | TokenizerFiles;
}

export interface SavedStage1 extends SavedModel {
  readonly params: Stage1Params;
}

export interface SavedStage2 extends SavedModel {
  readonly params: Stage2Params;
  readonly language: Frozen;
  /** How the model was spoken to in training. */
  readonly prompts?: Prompts;
}

export interface SaveOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes what stage 1 made as a `Blip2ForImageTextRetrieval` folder, with the captioning head (`cls.predictions.*`) and the
 * temperature (`temp`) besides. The folder appears whole or not at all. The tree stays the caller's.
 */
export async function saveStage1(folder: string, model: SavedStage1, options: SaveOptions = {}): Promise<void> {
  const files = await readTokenizerFiles(model.tokenizer);
  const tokenizer = createTokenizer(files);
  await save(folder, model, {
    ...options,
    tokenizer: files,
    prefixes: { vision: model.vision },
    config: () => ({
      architectures: ['Blip2ForImageTextRetrieval'],
      image_token_index: tokenizer.id(IMAGE_TOKEN) ?? tokenizer.vocabSize, // where Hugging Face's processor adds it
      qformer_config: { ...qformerConfigJson(model.config), use_qformer_text_input: true },
    }),
    processor: processorJson(model.processor, model.config.queries),
  });
}

/** Writes what stage 2 made as a `Blip2ForConditionalGeneration` folder, as `saveStage1` does. */
export async function saveStage2(folder: string, model: SavedStage2, options: SaveOptions = {}): Promise<void> {
  const given = await readTokenizerFiles(model.tokenizer);
  const files = withImageToken(given, createTokenizer(given));
  const tokenizer = createTokenizer(files);
  await save(folder, model, {
    ...options,
    tokenizer: files,
    prefixes: { vision: model.vision, language: model.language },
    config: (language) => ({
      architectures: ['Blip2ForConditionalGeneration'],
      image_token_index: tokenizer.id(IMAGE_TOKEN) ?? spareRow(tokenizer, language) ?? null,
      qformer_config: { ...qformerConfigJson(model.config), use_qformer_text_input: false },
    }),
    processor: processorJson(model.processor, model.config.queries, model.prompts),
  });
}

/** Where Hugging Face's processor adds a token, if the language model's table has a row there that no token uses. */
const spareRow = ({ vocabSize }: Tokenizer, language: LanguageFolder | undefined): number | undefined =>
  language && language.rows > vocabSize ? vocabSize : undefined;

interface Content extends SaveOptions {
  readonly prefixes: { readonly vision: Frozen; readonly language?: Frozen };
  /** @param language undefined for one of the user's own, and where there is none */
  readonly config: (language: LanguageFolder | undefined) => Json;
  readonly processor: Json;
  readonly tokenizer: TokenizerFiles;
}

async function save(folder: string, model: SavedModel & { params: Tree }, content: Content): Promise<void> {
  const { vision, language } = content.prefixes;
  const opened: FrozenFolder[] = [];
  const open = async <T extends FrozenFolder>(
    frozen: Frozen,
    how: (folder: string) => Promise<T>,
  ): Promise<T | ExternalModel> => {
    if (isExternal(frozen)) return frozen;
    const found = await how(frozen.folder);
    opened.push(found);
    return found;
  };
  try {
    const encoder = await open(vision, openVision);
    const speaker = language && (await open(language, openLanguage));
    const entries = [
      ...copied(encoder, 'vision_model.'),
      ...trained(model.params),
      ...(speaker ? copied(speaker, 'language_model.') : []),
    ];
    const known = speaker && !isExternal(speaker) ? speaker : undefined;
    const { queries, projectionSize } = model.config;
    const config = {
      model_type: 'blip-2',
      dtype: 'float32',
      num_query_tokens: queries,
      image_text_hidden_size: projectionSize,
      use_decoder_only_language_model: known?.kind !== 'encoder-decoder',
      vision_config: configOf(encoder),
      ...(speaker && { text_config: configOf(speaker) }),
      ...content.config(known),
    };
    await replaceFolder(folder, async (temporary) => {
      const { signal } = content;
      await writeShardedSafetensors(temporary, entries, { metadata: { format: 'pt' }, ...(signal && { signal }) });
      await writeTokenizer(temporary, content.tokenizer);
      await writeJson(join(temporary, 'processor_config.json'), content.processor);
      if (known?.generation) await writeJson(join(temporary, 'generation_config.json'), known.generation);
      await writeJson(join(temporary, 'config.json'), config);
      signal?.throwIfAborted();
    });
  } finally {
    for (const { source } of opened) await source.close();
  }
}

const configOf = (frozen: FrozenFolder | ExternalModel): Json => {
  if (isExternal(frozen)) return { external: frozen.external };
  const { architectures, transformers_version, ...json } = frozen.json;
  return json;
};

function trained(params: Tree): TensorEntry[] {
  return Object.entries(flatten(params)).map(([name, tensor]) => ({
    name,
    shape: tensor.shape,
    dtype: 'F32',
    data: async () => (await tensor.data()) as Float32Array,
  }));
}

/** A frozen model's tensors, which half precision gives back to the last bit. */
function copied(frozen: FrozenFolder | ExternalModel, prefix: string): TensorEntry[] {
  if (isExternal(frozen)) return [];
  const { source, owns } = frozen;
  return [...source.names]
    .filter(([name]) => owns(name))
    .map(([name, { shape, dtype }]) => ({
      name: prefix + name.slice(frozen.prefix.length),
      shape,
      dtype: dtype === 'F16' || dtype === 'BF16' ? dtype : 'F32',
      data: () => source.read(name),
    }));
}
