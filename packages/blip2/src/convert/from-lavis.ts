import { CLIP_MEAN, CLIP_STD, createTokenizer } from '@blip2/data';
import type { WeightSource } from '@blip2/tensor';
import { readModelConfig } from '../model/config.js';
import { isJson, type Json } from '../model/files.js';
import { IMAGE_TOKEN } from '../model/image-token.js';
import { isLavis, lavisSource } from '../model/lavis.js';
import { misfitsOf, planOf } from '../model/plan.js';
import { processorJson } from '../model/processor-json.js';
import { expectFit } from '../model/sources.js';
import { filesOf } from '../model/tokenizer-files.js';
import { openWeights } from '../model/weights-file.js';
import type { ConvertOptions, Draft } from './convert.js';
import { expectHeads, inferConfig, overlaid } from './infer.js';
import { type FrozenPart, languagePart, together, visionPart } from './parts.js';
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
    const vision = await eyesOf(trained, options.vision, file);
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
        use_decoder_only_language_model: language.json.model_type !== 't5',
      }),
    };
    return await drafted(source, overlaid(inferred, options.config ?? {}), { ...options, file, speaks });
  } catch (error) {
    for (const source of opened) await source.close();
    throw error;
  }
}

/** The encoder that is given; undefined where the checkpoint has its own, as those do that trained it too. */
async function eyesOf(trained: WeightSource, path: string | undefined, file: string): Promise<FrozenPart | undefined> {
  if (path !== undefined) return visionPart(path);
  if ([...trained.names.keys()].some((name) => name.startsWith('vision_model.embeddings.'))) return undefined;
  const remedy = "give it with '--vision': eva_vit_g.pth, clip_vit_L.pth or a folder";
  throw new Error(`'${file}' leaves out its image encoder; ${remedy}.`);
}

function voiceOf(folder: string | undefined, file: string): Promise<FrozenPart> {
  if (folder !== undefined) return languagePart(folder);
  throw new Error(`'${file}' leaves out its language model; give the folder of that model with '--language'.`);
}

interface Rest extends ConvertOptions {
  readonly file: string;
  readonly speaks: boolean;
}

async function drafted(source: WeightSource, config: Json, { file, speaks, ...options }: Rest): Promise<Draft> {
  const from = options.tokenizer ?? options.language;
  if (from === undefined) {
    throw new Error(`'${file}' has no tokenizer; give a folder that holds BERT's with '--tokenizer'.`);
  }
  expectHeads(config, file);
  const model = readModelConfig(config, file);
  expectFit(file, await misfitsOf(planOf(source, model)));
  const given = await filesOf(from);
  const tokenizer = speaks
    ? withImageRow(given, rowsOf(source, OPT_TABLE) ?? rowsOf(source, T5_TABLE) ?? 0)
    : withDecoderToken(given, rowsOf(source, WORDS) ?? 0);
  const { id, vocabSize } = createTokenizer(tokenizer);
  const side = sideOf(config);
  const { queries } = model.qformer;
  const processor = { size: { width: side, height: side }, filter: 'bicubic', rescale: 1 / 255 } as const;
  const files = { 'processor_config.json': processorJson({ ...processor, mean: CLIP_MEAN, std: CLIP_STD }, queries) };
  const image = id(IMAGE_TOKEN) ?? (speaks ? null : vocabSize);
  return { source, tokenizer, files, config: { dtype: 'float32', image_token_index: image, ...config } };
}

const WORDS = 'embeddings.word_embeddings.weight';
const OPT_TABLE = 'language_model.model.decoder.embed_tokens.weight';
const T5_TABLE = 'language_model.shared.weight';

const rowsOf = ({ names }: WeightSource, table: string): number | undefined => names.get(table)?.shape[0];

function sideOf({ vision_config: vision }: Json): number {
  const size = isJson(vision) ? vision.image_size : undefined;
  return typeof size === 'number' ? size : 224;
}
