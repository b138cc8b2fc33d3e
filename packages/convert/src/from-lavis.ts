import { CLIP_MEAN, CLIP_STD, createTokenizer, readTokenizerFiles } from '@blip2/data';
import { readModelConfig } from '@blip2/models';
import { expectMatch, IMAGE_TOKEN, loadPlan, mismatchesOf, processorJson } from '@blip2/models/folder';
import type { WeightSource } from '@blip2/tensor';
import { isJson, type Json } from '@blip2/tensor';
import { openWeights } from '@blip2/tensor/files';
import { expectHeads, inferConfig, overrideConfig } from './infer.js';
import { isLavis, lavisSource } from './lavis.js';
import type { ConvertOptions, ModelFiles } from './options.js';
import { type FrozenPart, type LanguagePart, languagePart, mergeSources, visionPart } from './parts.js';
import { withDecoderRow, withImageRow } from './tokens.js';

/** Options of a conversion whose folders and hub names are resolved to paths. */
interface ResolvedOptions extends Omit<ConvertOptions, 'vision' | 'language' | 'tokenizer'> {
  readonly vision: string | undefined;
  readonly language: string | undefined;
  readonly tokenizer: string | undefined;
}

/** Reads a LAVIS checkpoint of either stage together with the frozen models that it does not hold. */
export async function fromLavis(file: string, options: ResolvedOptions): Promise<ModelFiles> {
  const opened: WeightSource[] = [];
  const keep = <T extends { source: WeightSource }>(part: T): T => {
    opened.push(part.source);
    return part;
  };
  try {
    const { source: stored } = keep({ source: await openWeights(file) });
    if (!isLavis(stored))
      throw new Error(`'${file}' does not have the names of LAVIS; give a checkpoint of its BLIP-2.`);
    const trained = lavisSource(stored);
    if (!trained.names.has('query_tokens')) {
      throw new Error(
        `'${file}' holds only an image encoder; give it as the option 'vision' (--vision) with the checkpoint of a Q-Former.`,
      );
    }
    const generates = trained.names.has('language_projection.weight');
    const vision = await encoderOf(trained, options.vision, file);
    if (vision) keep(vision);
    const language = generates ? keep(await languageOf(options.language, file)) : undefined;
    const parts = [trained, ...(vision ? [vision.source] : []), ...(language ? [language.source] : [])];
    const source = mergeSources(file, parts);
    const inferred: Json = {
      ...inferConfig(source),
      architectures: [generates ? 'Blip2ForConditionalGeneration' : 'Blip2ForImageTextRetrieval'],
      ...(vision?.json && { vision_config: vision.json }),
      ...(language?.json && {
        text_config: language.json,
        use_decoder_only_language_model: language.kind === 'decoder',
      }),
    };
    const tokenizer = options.tokenizer ?? options.language;
    return await modelFiles(source, overrideConfig(inferred, options.config ?? {}), { file, language, tokenizer });
  } catch (error) {
    for (const source of opened) await source.close();
    throw error;
  }
}

/** The given encoder; undefined where the checkpoint holds the encoder because it was trained as well. */
async function encoderOf(
  trained: WeightSource,
  path: string | undefined,
  file: string,
): Promise<FrozenPart | undefined> {
  if (path !== undefined) return visionPart(path);
  if ([...trained.names.keys()].some((name) => name.startsWith('vision_model.embeddings.'))) return undefined;
  const remedy = "give it as the option 'vision' (--vision): eva_vit_g.pth, clip_vit_L.pth or a folder";
  throw new Error(`'${file}' does not hold its image encoder; ${remedy}.`);
}

function languageOf(folder: string | undefined, file: string): Promise<LanguagePart> {
  if (folder !== undefined) return languagePart(folder);
  throw new Error(`'${file}' does not hold its language model; give its folder as the option 'language' (--language).`);
}

interface Rest {
  readonly file: string;
  readonly tokenizer: string | undefined;
  readonly language: LanguagePart | undefined;
}

async function modelFiles(
  source: WeightSource,
  config: Json,
  { file, language, tokenizer: from }: Rest,
): Promise<ModelFiles> {
  if (from === undefined) {
    throw new Error(`'${file}' has no tokenizer; give a folder with BERT's as the option 'tokenizer' (--tokenizer).`);
  }
  expectHeads(config, file);
  const model = readModelConfig(config, file, language?.generation);
  expectMatch(file, mismatchesOf(loadPlan(source, model)));
  const given = await readTokenizerFiles(from);
  const rows = source.names.get('embeddings.word_embeddings.weight')?.shape[0] ?? 0;
  const tokenizer = language ? withImageRow(given, language.rows) : withDecoderRow(given, rows);
  const { id, vocabSize } = createTokenizer(tokenizer);
  const side = imageSizeOf(config);
  const processor = {
    size: { width: side, height: side },
    filter: 'bicubic',
    mean: CLIP_MEAN,
    std: CLIP_STD,
    rescale: 1 / 255,
  } as const;
  const files = {
    'processor_config.json': processorJson(processor, model.qformer.queries),
    ...(language?.generation && { 'generation_config.json': language.generation }),
  };
  const image = id(IMAGE_TOKEN) ?? (language ? null : vocabSize);
  return { source, tokenizer, files, config: { dtype: 'float32', image_token_index: image, ...config } };
}

function imageSizeOf({ vision_config: vision }: Json): number {
  const size = isJson(vision) ? vision.image_size : undefined;
  return typeof size === 'number' ? size : 224;
}
