import { type LanguageConfig, languageConfig } from '@blip2/llm';
import { type QFormerConfig, qformerConfig } from '@blip2/qformer';
import { fieldsOf, isJson, type Json, show } from '@blip2/tensor';
import { readVisionConfig, type VisionConfig } from '@blip2/vision';

/** A model of your own, of which a folder holds only the name; the model itself is given when the folder is loaded. */
export interface ExternalModel {
  readonly external: string;
}

/** Whether a part of a config names an external model. */
export const isExternal = (value: unknown): value is ExternalModel =>
  typeof value === 'object' && value !== null && 'external' in value && typeof value.external === 'string';

/** The kind of a model: `retrieval` is trained by stage 1, `generation` by stage 2. */
export type ModelKind = 'retrieval' | 'generation';

/** The `config.json` of a BLIP-2 folder, parsed; what it leaves out has the defaults of transformers. */
export interface ModelConfig {
  readonly kind: ModelKind;
  readonly vision: VisionConfig | ExternalModel;
  readonly qformer: QFormerConfig;
  /** The language model of a generation model. */
  readonly language?: LanguageConfig | ExternalModel;
  /** Whether a search of a retrieval model re-ranks by ITM. Default: the best 128, as LAVIS does with published models. */
  readonly rerank: RerankConfig;
  /** Set for InstructBLIP, whose Q-Former reads the prompt as well. */
  readonly instructed?: true;
  /** The id of the image token, which stands for the soft prompt among the ids of a prompt. */
  readonly imageToken?: number;
}

/**
 * How a retrieval model orders candidates: by ITC similarity and, with `itm`, the best `k` again by ITM logit + ITC
 * similarity. Training measures on held-out images whether ITM helps, and `config.json` keeps it as `rerank`.
 */
export interface RerankConfig {
  readonly itm: boolean;
  readonly k: number;
}

/** `k_test` of LAVIS. */
const DEFAULT_RERANK: RerankConfig = { itm: true, k: 128 };

/** An upper bound of the number of queries, and with it of image tokens; the published models have 32. */
const MOST_QUERIES = 2 ** 16;

const kinds: Readonly<Record<string, ModelKind>> = {
  Blip2ForConditionalGeneration: 'generation',
  Blip2ForImageTextRetrieval: 'retrieval',
};

/** InstructBLIP has a model type of its own; its parts are named as in BLIP-2. */
const instructed = { type: 'instructblip', architecture: 'InstructBlipForConditionalGeneration' } as const;

/**
 * Parses a `config.json` of model type `blip-2` or `instructblip`.
 * @param folder names the file in errors
 * @param generation the `generation_config.json`, whose special token ids take precedence
 * @throws for an unknown model type, architecture or language model, naming it
 */
export function readModelConfig(json: Json, folder: string, generation?: Json): ModelConfig {
  const at = `${folder}/config.json`;
  if (json.model_type === instructed.type) return readInstructed(json, folder, generation);
  if (json.model_type !== 'blip-2') {
    const known = `only 'blip-2' and '${instructed.type}' can be loaded here`;
    throw new Error(`${at} has the model_type ${show(json.model_type)}; ${known}.`);
  }
  const [architecture]: unknown[] = Array.isArray(json.architectures)
    ? json.architectures
    : [json.architectures ?? 'Blip2ForConditionalGeneration'];
  const kind = typeof architecture === 'string' && Object.hasOwn(kinds, architecture) ? kinds[architecture] : undefined;
  if (!kind) {
    const known = Object.keys(kinds).join(' and ');
    throw new Error(`${at} has the architecture ${show(architecture)}; known are ${known}.`);
  }
  const vision = visionOf(json);
  return {
    kind,
    vision,
    qformer: qformerOf(json, isExternal(vision) ? undefined : vision.hiddenSize),
    ...(kind === 'generation' ? { language: languageOf(json, at, generation) } : {}),
    rerank: rerankOf(json, at),
    ...imageTokenOf(json),
  };
}

function readInstructed(json: Json, folder: string, generation?: Json): ModelConfig {
  const [architecture]: unknown[] = Array.isArray(json.architectures)
    ? json.architectures
    : [json.architectures ?? instructed.architecture];
  if (architecture !== instructed.architecture) {
    const known = `of InstructBLIP only ${instructed.architecture} can be loaded here`;
    throw new Error(`${folder}/config.json has the architecture ${show(architecture)}; ${known}.`);
  }
  const parts = fieldsOf(json, 'InstructBLIP').object('qformer_config');
  const same = { ...json, model_type: 'blip-2', architectures: ['Blip2ForConditionalGeneration'] };
  const model = readModelConfig(
    { ...same, qformer_config: { ...parts, use_qformer_text_input: true } },
    folder,
    generation,
  );
  return { ...model, instructed: true };
}

function rerankOf({ rerank }: Json, at: string): RerankConfig {
  if (rerank === undefined || rerank === null) return DEFAULT_RERANK;
  const { itm = true, k = DEFAULT_RERANK.k } = isJson(rerank) ? rerank : { itm: rerank };
  if (typeof itm === 'boolean' && Number.isSafeInteger(k) && (k as number) >= 1) return { itm, k: k as number };
  throw new Error(`'rerank' in ${at} must be like {"itm": true, "k": 128}, not ${show(rerank)}.`);
}

function visionOf(json: Json): VisionConfig | ExternalModel {
  const part = json.vision_config ?? {};
  return isExternal(part) ? part : readVisionConfig({ ...json, vision_config: part });
}

function qformerOf(json: Json, encoderWidth: number | undefined): QFormerConfig {
  const { num_query_tokens: queries, image_text_hidden_size: projectionSize } = json;
  const { count, object } = fieldsOf(json, 'BLIP-2');
  const given = (field: unknown): boolean => field !== undefined && field !== null;
  return qformerConfig(object('qformer_config'), {
    ...(given(queries) && { queries: count('num_query_tokens', 0, { least: 1, most: MOST_QUERIES }) }),
    ...(given(projectionSize) && { projectionSize: count('image_text_hidden_size', 0, { least: 1 }) }),
    ...(encoderWidth !== undefined && { encoderWidth }),
  });
}

function languageOf(json: Json, at: string, generation?: Json): LanguageConfig | ExternalModel {
  const part = json.text_config ?? {};
  if (isExternal(part)) return part;
  try {
    return languageConfig(isJson(part) ? part : { model_type: part }, generation);
  } catch (error) {
    throw new Error(`The text_config in ${at} cannot be used. ${(error as Error).message}`, { cause: error });
  }
}

function imageTokenOf(json: Json): { imageToken?: number } {
  const key = (json.image_token_index ?? null) !== null ? 'image_token_index' : 'image_token_id';
  return (json[key] ?? null) !== null ? { imageToken: fieldsOf(json, 'BLIP-2').count(key, 0) } : {};
}
