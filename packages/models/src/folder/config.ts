import { type LanguageConfig, languageConfig } from '@blip2/llm';
import { type QFormerConfig, qformerConfig } from '@blip2/qformer';
import { fieldsOf, isJson, type Json, show } from '@blip2/tensor';
import { readVisionConfig, type VisionConfig } from '@blip2/vision';

/** A model of the user's own, of which a folder keeps the name alone. */
export interface ExternalModel {
  readonly external: string;
}

export const isExternal = (value: unknown): value is ExternalModel =>
  typeof value === 'object' && value !== null && 'external' in value && typeof value.external === 'string';

/** What a folder is for: stage 1 makes the one, stage 2 the other. */
export type ModelKind = 'retrieval' | 'generation';

/** The `config.json` of a BLIP-2 folder, read; what it leaves out has Hugging Face's defaults. */
export interface ModelConfig {
  readonly kind: ModelKind;
  readonly vision: VisionConfig | ExternalModel;
  readonly qformer: QFormerConfig;
  /** Of a generation model. */
  readonly language?: LanguageConfig | ExternalModel;
  /** InstructBLIP: the Q-Former reads the prompt too. */
  readonly instructed?: true;
  /** The id that stands for an image's vectors among a prompt's ids. */
  readonly imageToken?: number;
}

/** A prompt begins with so many image tokens: the published models have 32. */
const MOST_QUERIES = 2 ** 16;

const kinds: Readonly<Record<string, ModelKind>> = {
  Blip2ForConditionalGeneration: 'generation',
  Blip2ForImageTextRetrieval: 'retrieval',
};

/** InstructBLIP names its whole otherwise, and its parts alike. */
const instructed = { type: 'instructblip', architecture: 'InstructBlipForConditionalGeneration' } as const;

/**
 * Reads a `config.json` of model type `blip-2` or `instructblip`, and what a `generation_config.json` beside it says of special ids.
 * @throws for another model type, another architecture, or a language model that is not known, naming it
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
  const parts = fieldsOf(json, 'InstructBLIP').part('qformer_config');
  const same = { ...json, model_type: 'blip-2', architectures: ['Blip2ForConditionalGeneration'] };
  const model = readModelConfig(
    { ...same, qformer_config: { ...parts, use_qformer_text_input: true } },
    folder,
    generation,
  );
  return { ...model, instructed: true };
}

function visionOf(json: Json): VisionConfig | ExternalModel {
  const part = json.vision_config ?? {};
  return isExternal(part) ? part : readVisionConfig({ ...json, vision_config: part });
}

function qformerOf(json: Json, encoderWidth: number | undefined): QFormerConfig {
  const { num_query_tokens: queries, image_text_hidden_size: projectionSize } = json;
  const { count, part } = fieldsOf(json, 'BLIP-2');
  const given = (field: unknown): boolean => field !== undefined && field !== null;
  return qformerConfig(part('qformer_config'), {
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
