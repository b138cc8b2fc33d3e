import { type LanguageModel, languageConfig, languageKind, languageRepeats, vocabularyRows } from '@blip2/llm';
import type { WeightSource } from '@blip2/tensor';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { readVisionConfig, visionPart } from '@blip2/vision';
import { isJson, type Json, readConfigJson, readGenerationJson } from './files.js';

/** A frozen model in a folder of its own or within a BLIP-2 folder. */
export interface FrozenFolder {
  /** Its part of `config.json`. */
  readonly json: Json;
  readonly source: WeightSource;
  /** What stands before its names. */
  readonly prefix: string;
  /** Names under the prefix that belong to it. */
  readonly owns: (name: string) => boolean;
}

/** Opens the image encoder of a folder of any family. @throws for a missing folder or an unknown model type */
export async function openVision(folder: string): Promise<FrozenFolder> {
  const json = await readConfigJson(folder);
  const config = readVisionConfig(json);
  const source = await openSafetensors(folder);
  const within = json.vision_config === undefined ? undefined : 'vision_model.';
  return { json: partOf(json, 'vision_config'), source, ...visionPart(source, config, within) };
}

/** A frozen language model, and what a BLIP-2 folder says of it besides. */
export interface LanguageFolder extends FrozenFolder {
  readonly kind: LanguageModel['kind'];
  /** Its `generation_config.json`. */
  readonly generation?: Json;
  /** V: the rows of its table of tokens, of which a tokenizer may use fewer. */
  readonly rows: number;
}

/** Opens the language model of a folder. @throws for a missing folder, or a model of a family that is not known */
export async function openLanguage(folder: string): Promise<LanguageFolder> {
  const whole = await readConfigJson(folder);
  const json = partOf(whole, 'text_config');
  const generation = await readGenerationJson(folder);
  const config = languageConfig(json, generation);
  const source = await openSafetensors(folder);
  const prefix = whole.text_config === undefined ? '' : 'language_model.';
  const repeats = languageRepeats(config, (name) => source.names.has(prefix + name));
  return {
    // Hugging Face asks a T5 for these by name, which has them by default elsewhere
    json:
      config.modelType === 't5'
        ? { ...json, bos_token_id: config.bos, decoder_start_token_id: config.decoderStart }
        : json,
    kind: languageKind(config),
    ...(generation && { generation }),
    rows: vocabularyRows(source, config, prefix),
    source,
    prefix,
    owns: (name) => name.startsWith(prefix) && !repeats(name.slice(prefix.length)),
  };
}

/** A model's own config, or its part of a BLIP-2 folder's; that part has the model type that BLIP-2 has by default. */
function partOf(json: Json, key: 'vision_config' | 'text_config'): Json {
  const part = json[key];
  if (part === undefined) return json;
  const type = key === 'vision_config' ? 'blip_2_vision_model' : 'opt';
  return { model_type: type, ...(isJson(part) ? part : {}) };
}
