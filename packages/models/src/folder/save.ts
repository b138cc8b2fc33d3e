import { createTokenizer, type Processor, readTokenizerFiles, type Tokenizer, type TokenizerFiles } from '@blip2/data';
import { ADAPTER_FOLDER } from '@blip2/llm';
import { type QFormerConfig, qformerConfigJson } from '@blip2/qformer';
import type { Json } from '@blip2/tensor';
import { flatten, type Tree } from '@blip2/tensor';
import { join, makeFolder, toPath } from '@blip2/tensor/files';
import { type TensorEntry, writeShardedSafetensors } from '@blip2/tensor/safetensors';
import type { Stage1Params, Stage2Params } from '@blip2/training';
import type { Prompts } from '../generate/prompts.js';
import { type SavedAdapter, writeAdapter } from './adapter.js';
import { replaceFolder, writeJson } from './atomic-folder.js';
import { isExternal, type RerankConfig } from './config.js';
import { type FrozenFolder, type LanguageFolder, openLanguageFolder, openVisionFolder } from './frozen.js';
import { processorJson } from './processor-json.js';
import { configOf, copied, type FrozenModel, openSaved, type SavedFrozen } from './save-frozen.js';
import { IMAGE_TOKEN, withImageToken, writeTokenizer } from './tokenizer-files.js';

interface SavedModel {
  readonly config: QFormerConfig;
  readonly vision: FrozenModel;
  readonly processor: Processor;
  /** A folder with `tokenizer.json`, or the parsed files. */
  readonly tokenizer: string | URL | TokenizerFiles;
}

/** A model of stage 1 to save. */
export interface SavedStage1 extends SavedModel {
  readonly params: Stage1Params;
  /** How the model orders candidates. Default: as published models. */
  readonly rerank?: RerankConfig;
}

/** A model of stage 2 to save. */
export interface SavedStage2 extends SavedModel {
  readonly params: Stage2Params;
  readonly language: FrozenModel;
  /** The prompts that the model was trained with. Default: those of the published models. */
  readonly prompts?: Prompts;
  /** Adapters of the language model, which are saved by PEFT's names in the subfolder `adapter`. Default: none. */
  readonly adapter?: SavedAdapter | undefined;
}

/** Options of `saveStage1` and `saveStage2`. */
export interface SaveOptions {
  /** The precision of what was trained. Default 'F32'. */
  readonly dtype?: 'F32' | 'F16' | undefined;
  /** Stops saving: the call then throws the signal's reason, and the folder is left as it was. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Saves a model of stage 1 as a `Blip2ForImageTextRetrieval` folder of Hugging Face, with the captioning head
 * (`cls.predictions.*`) and the temperature (`temp`) in addition. The folder is written as a whole or left as it was.
 * @param folder a path or a `file:` URL, in a browser a path in a mounted folder; a model that is there already is replaced
 * @param model its tensors stay the caller's
 * @throws for a folder that holds other files, and where it cannot be written
 */
export async function saveStage1(folder: string | URL, model: SavedStage1, options: SaveOptions = {}): Promise<void> {
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
      ...(model.rerank && { rerank: model.rerank }),
    }),
    processor: processorJson(model.processor, model.config.queries),
  });
}

/**
 * Saves a model of stage 2 as a `Blip2ForConditionalGeneration` folder of Hugging Face. The folder is written as a whole
 * or left as it was.
 * @param folder a path or a `file:` URL, in a browser a path in a mounted folder; a model that is there already is replaced
 * @param model its tensors stay the caller's
 * @throws for a folder that holds other files, and where it cannot be written
 */
export async function saveStage2(folder: string | URL, model: SavedStage2, options: SaveOptions = {}): Promise<void> {
  const given = await readTokenizerFiles(model.tokenizer);
  const files = withImageToken(given, createTokenizer(given));
  const tokenizer = createTokenizer(files);
  await save(folder, model, {
    ...options,
    tokenizer: files,
    prefixes: { vision: model.vision, language: model.language },
    adapter: model.adapter,
    config: (language) => ({
      architectures: ['Blip2ForConditionalGeneration'],
      image_token_index: tokenizer.id(IMAGE_TOKEN) ?? spareRow(tokenizer, language) ?? null,
      qformer_config: { ...qformerConfigJson(model.config), use_qformer_text_input: false },
    }),
    processor: processorJson(model.processor, model.config.queries, model.prompts),
  });
}

/** The id at which transformers' processor adds a token, where the vocabulary is padded there. */
const spareRow = ({ vocabSize }: Tokenizer, language: LanguageFolder | undefined): number | undefined =>
  language && language.rows > vocabSize ? vocabSize : undefined;

interface Content extends SaveOptions {
  readonly prefixes: { readonly vision: FrozenModel; readonly language?: FrozenModel };
  /** @param language undefined for an external one, and where there is none */
  readonly config: (language: LanguageFolder | undefined) => Json;
  readonly processor: Json;
  readonly tokenizer: TokenizerFiles;
  readonly adapter?: SavedAdapter | undefined;
}

async function save(folder: string | URL, model: SavedModel & { params: Tree }, content: Content): Promise<void> {
  const { vision, language } = content.prefixes;
  const target = toPath(folder);
  const opened: FrozenFolder[] = [];
  const open = async <T extends FrozenFolder>(
    frozen: FrozenModel,
    how: (folder: string) => Promise<T>,
  ): Promise<SavedFrozen<T>> => {
    const saved = await openSaved(frozen, { target, open: how });
    if (!isExternal(saved)) opened.push(saved.part);
    return saved;
  };
  try {
    const encoder = await open(vision, openVisionFolder);
    const languageModel = language && (await open(language, openLanguageFolder));
    const entries = [
      ...copied(encoder, 'vision_model.'),
      ...trained(model.params, content.dtype),
      ...(languageModel ? copied(languageModel, 'language_model.') : []),
    ];
    const stored = languageModel && !isExternal(languageModel) ? languageModel.part : undefined;
    const { queries, projectionSize } = model.config;
    const config = {
      model_type: 'blip-2',
      dtype: content.dtype === 'F16' ? 'float16' : 'float32',
      num_query_tokens: queries,
      image_text_hidden_size: projectionSize,
      use_decoder_only_language_model: stored?.kind !== 'encoder-decoder',
      vision_config: configOf(encoder),
      ...(languageModel && { text_config: configOf(languageModel) }),
      ...quantizationOf(languageModel, encoder),
      ...content.config(stored),
    };
    await replaceFolder(target, async (temporary) => {
      const { signal } = content;
      await writeShardedSafetensors(temporary, entries, { metadata: { format: 'pt' }, ...(signal && { signal }) });
      await writeTokenizer(temporary, content.tokenizer);
      await writeJson(join(temporary, 'processor_config.json'), content.processor);
      if (stored?.generation) await writeJson(join(temporary, 'generation_config.json'), stored.generation);
      if (content.adapter) {
        await makeFolder(join(temporary, ADAPTER_FOLDER));
        await writeAdapter(join(temporary, ADAPTER_FOLDER), content.adapter);
      }
      await writeJson(join(temporary, 'config.json'), config);
      signal?.throwIfAborted();
    });
  } finally {
    for (const { source } of opened) await source.close();
  }
}

/** How the parts that are copied were quantized: the first that was. */
function quantizationOf(...parts: readonly (SavedFrozen<FrozenFolder> | undefined)[]): Json {
  for (const saved of parts) {
    const packed = saved && !isExternal(saved) && saved.path === undefined ? saved.part.quantization : undefined;
    if (packed) return { quantization_config: packed };
  }
  return {};
}

function trained(params: Tree, dtype: 'F32' | 'F16' = 'F32'): TensorEntry[] {
  return Object.entries(flatten(params)).map(([name, tensor]) => ({
    name,
    shape: tensor.shape,
    dtype,
    data: async () => (await tensor.data()) as Float32Array,
  }));
}
