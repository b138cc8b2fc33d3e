import { type LanguageConfig, languageConfig } from '@blip2/llm';
import { type QFormerConfig, qformerConfig } from '@blip2/qformer';
import { readVisionConfig, type VisionConfig } from '@blip2/vision';
import { isJson, type Json } from './files.js';

/** A model of the user's own, of which a folder keeps the name alone. */
export interface External {
  readonly external: string;
}

export const isExternal = (value: unknown): value is External =>
  typeof value === 'object' && value !== null && 'external' in value && typeof value.external === 'string';

/** What a folder is for: stage 1 makes the one, stage 2 the other. */
export type ModelKind = 'retrieval' | 'generation';

/** The `config.json` of a BLIP-2 folder, read; what it leaves out has Hugging Face's defaults. */
export interface ModelConfig {
  readonly kind: ModelKind;
  readonly vision: VisionConfig | External;
  readonly qformer: QFormerConfig;
  /** Of a generation model. */
  readonly language?: LanguageConfig | External;
  /** InstructBLIP: the Q-Former reads the prompt too. */
  readonly instructed?: true;
  /** The id that stands for a picture's vectors among a prompt's ids. */
  readonly imageToken?: number;
}

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
    throw new Error(`${at} has the model_type ${JSON.stringify(json.model_type)}; ${known}.`);
  }
  const architecture = Array.isArray(json.architectures) ? json.architectures[0] : 'Blip2ForConditionalGeneration';
  const kind = typeof architecture === 'string' && Object.hasOwn(kinds, architecture) ? kinds[architecture] : undefined;
  if (!kind) {
    const known = Object.keys(kinds).join(' and ');
    throw new Error(`${at} has the architecture ${JSON.stringify(architecture)}; known are ${known}.`);
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
  const [architecture] = Array.isArray(json.architectures) ? json.architectures : [instructed.architecture];
  if (architecture !== instructed.architecture) {
    const known = `of InstructBLIP only ${instructed.architecture} can be loaded here`;
    throw new Error(`${folder}/config.json has the architecture ${JSON.stringify(architecture)}; ${known}.`);
  }
  const parts = isJson(json.qformer_config) ? json.qformer_config : {};
  const same = { ...json, model_type: 'blip-2', architectures: ['Blip2ForConditionalGeneration'] };
  const model = readModelConfig(
    { ...same, qformer_config: { ...parts, use_qformer_text_input: true } },
    folder,
    generation,
  );
  return { ...model, instructed: true };
}

function visionOf(json: Json): VisionConfig | External {
  const part = json.vision_config ?? {};
  return isExternal(part) ? part : readVisionConfig({ ...json, vision_config: part });
}

function qformerOf(json: Json, encoderWidth: number | undefined): QFormerConfig {
  const { qformer_config: part, num_query_tokens: queries, image_text_hidden_size: projectionSize } = json;
  return qformerConfig(isJson(part) ? part : {}, {
    ...(typeof queries === 'number' && { queries }),
    ...(typeof projectionSize === 'number' && { projectionSize }),
    ...(encoderWidth !== undefined && { encoderWidth }),
  });
}

function languageOf(json: Json, at: string, generation?: Json): LanguageConfig | External {
  const part = json.text_config ?? {};
  if (isExternal(part)) return part;
  try {
    return languageConfig(isJson(part) ? part : { model_type: part }, generation);
  } catch (error) {
    throw new Error(`The text_config in ${at} cannot be used. ${(error as Error).message}`, { cause: error });
  }
}

function imageTokenOf(json: Json): { imageToken?: number } {
  const id = json.image_token_index ?? json.image_token_id;
  return typeof id === 'number' ? { imageToken: id } : {};
}
