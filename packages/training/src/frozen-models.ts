import {
  createTokenizer,
  loadTokenizer,
  type Processor,
  readProcessor,
  readTokenizerFiles,
  type Tokenizer,
  type TokenizerFiles,
  withDecoderToken,
} from '@blip2/data';
import { type LanguageModel, languageConfig, loadLanguage, openAdapted, type SyncLanguageModel } from '@blip2/llm';
import { bertConfig, isCopy, type QFormerConfig } from '@blip2/qformer';
import { isJson, type Json, type WeightSource } from '@blip2/tensor';
import { openWeights, readConfigJson, readGenerationJson, toPath } from '@blip2/tensor/files';
import {
  isVitConfig,
  loadVisionEncoder,
  readVisionConfig,
  type TrainableVisionEncoder,
  type VisionConfig,
  type VisionEncoder,
} from '@blip2/vision';
import { ensureBackend } from './backend.js';

/** An image encoder with the processor that turns images into its pixels. */
export type VisionModel = VisionEncoder & { readonly processor: Processor };

/** An image encoder from a folder, with its processor: frozen through `encode`, differentiable through `forward`. */
export interface LoadedVision extends VisionModel, TrainableVisionEncoder, Disposable {
  /** Frees the weights. */
  dispose(): void;
}

/** A language model with its tokenizer. */
export type LanguageModelWithTokenizer = LanguageModel & { readonly tokenizer: Tokenizer };

/** What the text branch of a Q-Former starts from: a tokenizer, and the weights of BERT unless they are to be random. */
export interface BertModel {
  readonly tokenizer: Tokenizer;
  /** BERT's weights, read once by each `compose`, which does not close them; absent: the Q-Former is initialized randomly. */
  readonly weights?: WeightSource;
  /** What the shapes of the weights do not tell: heads, activation, epsilon; see `bertConfig` of `@blip2/qformer`. */
  readonly config?: Partial<QFormerConfig>;
}

/** A BERT in memory. */
export interface LoadedBert extends BertModel {
  readonly weights: WeightSource;
  readonly config: Partial<QFormerConfig>;
  /** Frees the weights; a Q-Former that was composed from them has its own. */
  dispose(): void;
}

/** Options of `loadVision`. */
export interface LoadVisionOptions {
  /** The `output_stride` of an EfficientNet-Lite, in place of its config's: 16 gives four times as many positions as 32. */
  readonly outputStride?: 16 | 32 | undefined;
}

/**
 * Loads the frozen image encoder of a Hugging Face folder (CLIP, SigLIP, DINOv2, ViT, EfficientNet-Lite, or the vision model of
 * BLIP-2), and its processor.
 * @param folder path or `file:` URL of the folder
 * @throws where a file is missing, for an output stride of another encoder, and BindError naming all tensors that are missing,
 * unused or of another shape
 */
export async function loadVision(
  folder: string | URL,
  { outputStride }: LoadVisionOptions = {},
): Promise<LoadedVision> {
  await ensureBackend();
  const path = toPath(folder);
  const [config, processor, source] = await Promise.all([
    readConfigJson(path).then((json) => visionConfigOf(json, outputStride)),
    readProcessor(path),
    openWeights(path),
  ]);
  try {
    const encoder = await loadVisionEncoder(source, config);
    return { ...encoder, processor };
  } finally {
    await source.close();
  }
}

function visionConfigOf(json: Json, outputStride: number | undefined): VisionConfig {
  if (outputStride === undefined) return readVisionConfig(json);
  const whole = readVisionConfig(json);
  if (isVitConfig(whole)) throw new Error('A vision transformer has no output_stride; leave outputStride out.');
  const changes = { output_stride: outputStride };
  return readVisionConfig(
    isJson(json.vision_config)
      ? { ...json, vision_config: { ...json.vision_config, ...changes } }
      : { ...json, ...changes },
  );
}

/**
 * Loads the frozen language model of a Hugging Face folder (OPT, T5, Llama, Qwen2 or Mistral, or that of a BLIP-2) or of a GGUF
 * file, whose matrices stay packed, and its tokenizer. LoRA adapters in the folder, or in its subfolder `adapter`, are merged into it.
 * @param folder path or `file:` URL of the folder or of the GGUF file
 * @throws where a file is missing, and BindError naming all tensors that are missing, unused or of another shape
 */
export async function loadLanguageModel(folder: string | URL): Promise<SyncLanguageModel & LanguageModelWithTokenizer> {
  await ensureBackend();
  const path = toPath(folder);
  const [json, generation, tokenizer, source] = await Promise.all([
    readConfigJson(path),
    readGenerationJson(path),
    loadTokenizer(path),
    openAdapted(path),
  ]);
  try {
    if (!isJson(json.text_config))
      return { ...(await loadLanguage(source, languageConfig(json, generation))), tokenizer };
    const config = languageConfig({ model_type: 'opt', ...json.text_config }, generation);
    return { ...(await loadLanguage(within(source, LANGUAGE), config, { prefix: LANGUAGE })), tokenizer };
  } finally {
    await source.close();
  }
}

/** How the names of a BLIP-2's language model begin. */
const LANGUAGE = 'language_model.';

/** The tensors of one part of a model. */
const within = (source: WeightSource, prefix: string): WeightSource => ({
  ...source,
  names: new Map([...source.names].filter(([name]) => name.startsWith(prefix))),
  read: (name) => source.read(name),
});

/**
 * Reads the files of a BERT's tokenizer as the Q-Former uses them: with `[DEC]`, which starts captions, as `bos_token`.
 * @param folder path or `file:` URL of the folder
 * @throws where it has no `tokenizer.json`
 */
export const bertTokenizerFiles = async (folder: string | URL): Promise<TokenizerFiles> =>
  withDecoderToken(await readTokenizerFiles(folder));

/**
 * Loads the BERT of a Hugging Face folder into memory, for any number of calls of `compose`.
 * @param folder path or `file:` URL of the folder
 * @throws where a file is missing
 */
export async function loadBert(folder: string | URL): Promise<LoadedBert> {
  const path = toPath(folder);
  const [json, files, source] = await Promise.all([readConfigJson(path), bertTokenizerFiles(path), openWeights(path)]);
  const tokenizer = createTokenizer(files);
  try {
    const values = new Map<string, Float32Array>();
    const all: WeightSource['names'] = source.names;
    const names = new Map([...all].filter(([name]) => !isCopy(name)));
    for (const name of names.keys()) values.set(name, await source.read(name));
    const { origin } = source;
    const read = async (name: string): Promise<Float32Array> => {
      const found = values.get(name);
      if (found) return found.slice();
      const reason = names.has(name) ? 'was disposed; load it again' : `has no tensor '${name}'`;
      throw new Error(`The BERT of ${origin} ${reason}.`);
    };
    const dispose = (): void => values.clear();
    const weights: WeightSource = { origin, names, read, close: async () => dispose() };
    return { tokenizer, weights, config: bertConfig(source, json), dispose };
  } finally {
    await source.close();
  }
}
