import { CLIP_MEAN, CLIP_STD, createTokenizer } from '@blip2/data';
import { readModelConfig } from '@blip2/models';
import {
  expectMatch,
  IMAGE_TOKEN,
  loadPlan,
  mismatchesOf,
  openWeights,
  processorJson,
  readTokenizerFiles,
} from '@blip2/models/folder';
import type { WeightSource } from '@blip2/tensor';
import { isJson, type Json } from '@blip2/tensor';
import type { ConvertOptions, Draft } from './draft.js';
import { expectHeads, inferConfig, overlaid } from './infer.js';
import { isLavis, lavisSource } from './lavis.js';
import { type FrozenPart, type LanguagePart, languagePart, together, visionPart } from './parts.js';
import { withDecoderToken, withImageRow } from './tokens.js';

/** A checkpoint of LAVIS of either stage, with the frozen models that it leaves out. */
export async function fromLavis(file: string, options: ConvertOptions): Promise<Draft> {
  const opened: WeightSource[] = [];
  const keep = <T extends { source: WeightSource }>(part: T): T => {
    opened.push(part.source);
    return part;
  };
  try {
    const { source: stored } = keep({ source: await openWeights(file) });
    if (!isLavis(stored)) throw new Error(`'${file}' has no names of LAVIS; give a checkpoint of its BLIP-2.`);
    const trained = lavisSource(stored);
    if (!trained.names.has('query_tokens')) {
      throw new Error(
        `'${file}' holds an image encoder alone; give it as --vision beside the checkpoint of a Q-Former.`,
      );
    }
    const speaks = trained.names.has('language_projection.weight');
    const vision = await encoderOf(trained, options.vision, file);
    if (vision) keep(vision);
    const language = speaks ? keep(await voiceOf(options.language, file)) : undefined;
    const parts = [trained, ...(vision ? [vision.source] : []), ...(language ? [language.source] : [])];
    const source = together(file, parts);
    const inferred: Json = {
      ...inferConfig(source),
      architectures: [speaks ? 'Blip2ForConditionalGeneration' : 'Blip2ForImageTextRetrieval'],
      ...(vision?.json && { vision_config: vision.json }),
      ...(language?.json && {
        text_config: language.json,
        use_decoder_only_language_model: language.kind === 'decoder',
      }),
    };
    const tokenizer = options.tokenizer ?? options.language;
    return await drafted(source, overlaid(inferred, options.config ?? {}), { file, language, tokenizer });
  } catch (error) {
    for (const source of opened) await source.close();
    throw error;
  }
}

/** The encoder that is given; undefined where the checkpoint has its own, as those do that trained it too. */
async function encoderOf(
  trained: WeightSource,
  path: string | undefined,
  file: string,
): Promise<FrozenPart | undefined> {
  if (path !== undefined) return visionPart(path);
  if ([...trained.names.keys()].some((name) => name.startsWith('vision_model.embeddings.'))) return undefined;
  const remedy = "give it with '--vision': eva_vit_g.pth, clip_vit_L.pth or a folder";
  throw new Error(`'${file}' leaves out its image encoder; ${remedy}.`);
}

function voiceOf(folder: string | undefined, file: string): Promise<LanguagePart> {
  if (folder !== undefined) return languagePart(folder);
  throw new Error(`'${file}' leaves out its language model; give the folder of that model with '--language'.`);
}

interface Rest {
  readonly file: string;
  readonly tokenizer: string | undefined;
  readonly language: LanguagePart | undefined;
}

async function drafted(source: WeightSource, config: Json, { file, language, tokenizer: from }: Rest): Promise<Draft> {
  if (from === undefined) {
    throw new Error(`'${file}' has no tokenizer; give a folder that holds BERT's with '--tokenizer'.`);
  }
  expectHeads(config, file);
  const model = readModelConfig(config, file, language?.generation);
  expectMatch(file, mismatchesOf(loadPlan(source, model)));
  const given = await readTokenizerFiles(from);
  const words = source.names.get('embeddings.word_embeddings.weight')?.shape[0] ?? 0;
  const tokenizer = language ? withImageRow(given, language.rows) : withDecoderToken(given, words);
  const { id, vocabSize } = createTokenizer(tokenizer);
  const side = sideOf(config);
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

function sideOf({ vision_config: vision }: Json): number {
  const size = isJson(vision) ? vision.image_size : undefined;
  return typeof size === 'number' ? size : 224;
}
