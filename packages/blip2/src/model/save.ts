import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTokenizer, loadTokenizer, type Processor, type Tokenizer, type TokenizerFiles } from '@blip2/data';
import { type QFormerConfig, qformerConfigJson } from '@blip2/qformer';
import { flatten, type Tree } from '@blip2/tensor';
import { type TensorEntry, writeShardedSafetensors } from '@blip2/tensor/safetensors';
import type { Stage1Params } from '../stages/stage1.js';
import type { Stage2Params } from '../stages/stage2.js';
import { type External, isExternal } from './config.js';
import { type Json, readJson } from './files.js';
import { type FrozenFolder, openLanguage, openVision } from './frozen.js';
import { processorJson } from './processor-json.js';
import type { Prompts } from './prompts.js';
import { stageFolder, writeJson } from './staged-folder.js';

/** A frozen model: the folder that its weights are copied from, as they are stored there; or a name alone. */
export type Frozen = { readonly folder: string } | External;

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
  const tokenizer = await tokenizerOf(model.tokenizer);
  await save(folder, model, {
    ...options,
    prefixes: { vision: model.vision },
    config: {
      architectures: ['Blip2ForImageTextRetrieval'],
      image_token_index: tokenizer.id('<image>') ?? tokenizer.vocabSize, // where Hugging Face's processor adds it
      qformer_config: { ...qformerConfigJson(model.config), use_qformer_text_input: true },
    },
    processor: processorJson(model.processor, model.config.queries),
  });
}

/** Writes what stage 2 made as a `Blip2ForConditionalGeneration` folder, as `saveStage1` does. */
export async function saveStage2(folder: string, model: SavedStage2, options: SaveOptions = {}): Promise<void> {
  const imageToken = imageTokenOf(await tokenizerOf(model.tokenizer));
  await save(folder, model, {
    ...options,
    prefixes: { vision: model.vision, language: model.language },
    config: {
      architectures: ['Blip2ForConditionalGeneration'],
      image_token_index: imageToken?.id ?? null,
      qformer_config: { ...qformerConfigJson(model.config), use_qformer_text_input: false },
    },
    processor: processorJson(model.processor, model.config.queries, model.prompts),
    ...(imageToken && { imageToken: imageToken.token }),
  });
}

interface Content extends SaveOptions {
  readonly prefixes: { readonly vision: Frozen; readonly language?: Frozen };
  readonly config: Json;
  readonly processor: Json;
  /** The token that stands for a picture, where the tokenizer does not say so itself. */
  readonly imageToken?: string;
}

async function save(folder: string, model: SavedModel & { params: Tree }, content: Content): Promise<void> {
  const { vision, language } = content.prefixes;
  const opened: FrozenFolder[] = [];
  const open = async (
    frozen: Frozen,
    how: (folder: string) => Promise<FrozenFolder>,
  ): Promise<FrozenFolder | External> => {
    if (isExternal(frozen)) return frozen;
    const found = await how(frozen.folder);
    opened.push(found);
    return found;
  };
  try {
    const eyes = await open(vision, openVision);
    const voice = language && (await open(language, openLanguage));
    const entries = [
      ...copied(eyes, 'vision_model.'),
      ...trained(model.params),
      ...(voice ? copied(voice, 'language_model.') : []),
    ];
    const { queries, projectionSize } = model.config;
    const config = {
      model_type: 'blip-2',
      dtype: 'float32',
      initializer_factor: 1,
      initializer_range: 0.02,
      num_query_tokens: queries,
      image_text_hidden_size: projectionSize,
      use_decoder_only_language_model: true,
      vision_config: configOf(eyes),
      ...(voice && { text_config: configOf(voice) }),
      ...content.config,
    };
    await stageFolder(folder, async (temporary) => {
      const { signal } = content;
      await writeShardedSafetensors(temporary, entries, { metadata: { format: 'pt' }, ...(signal && { signal }) });
      await writeTokenizer(temporary, model.tokenizer, content.imageToken);
      await writeJson(join(temporary, 'processor_config.json'), content.processor);
      await writeJson(join(temporary, 'config.json'), config);
      signal?.throwIfAborted();
    });
  } finally {
    for (const { source } of opened) await source.close();
  }
}

const configOf = (frozen: FrozenFolder | External): Json => {
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
function copied(frozen: FrozenFolder | External, prefix: string): TensorEntry[] {
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

const tokenizerOf = async (from: string | TokenizerFiles): Promise<Tokenizer> =>
  typeof from === 'string' ? loadTokenizer(from) : createTokenizer(from);

async function writeTokenizer(folder: string, from: string | TokenizerFiles, imageToken?: string): Promise<void> {
  const file = join(folder, 'tokenizer.json');
  if (typeof from === 'string') await copyFile(join(from, 'tokenizer.json'), file);
  else await writeJson(file, from.tokenizer);
  const config = typeof from === 'string' ? await readJson(join(from, 'tokenizer_config.json')) : from.config;
  const extra = imageToken === undefined ? {} : { extra_special_tokens: { image_token: imageToken } };
  await writeJson(join(folder, 'tokenizer_config.json'), { ...config, ...extra });
}

/**
 * The token that stands for a picture in Hugging Face's prompts: `<image>`, or a special token that the model never reads.
 * A new one would need a row in the frozen tables and with it change what the model says.
 */
function imageTokenOf({ id, special }: Tokenizer): { token: string; id: number } | undefined {
  const used = Object.values(special);
  for (const token of ['<image>', '<s>', '<unk>']) {
    const found = id(token);
    if (found !== undefined && !used.includes(found)) return { token, id: found };
  }
  return undefined;
}
