import { optConfig } from '@blip2/llm';
import type { WeightSource } from '@blip2/tensor';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { families, readVisionConfig } from '@blip2/vision';
import { isJson, type Json, readConfigJson } from './files.js';

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

/** Opens the image encoder of a folder of any ViT family. @throws for a missing folder or an unknown model type */
export async function openVision(folder: string): Promise<FrozenFolder> {
  const json = await readConfigJson(folder);
  const config = readVisionConfig(json);
  const family = families[config.family];
  const source = await openSafetensors(folder);
  const prefixes: readonly string[] = json.vision_config === undefined ? family.prefixes : ['vision_model.'];
  const prefix = prefixes.find((start) => source.names.has(start + family.positions.path)) ?? prefixes[0]!;
  const others = [`${family.finalNorm}.`, ...family.unused];
  return {
    json: partOf(json, 'vision_config'),
    source,
    prefix,
    owns: (name) => name.startsWith(prefix) && !others.some((start) => name.startsWith(prefix + start)),
  };
}

/** Opens the language model of a folder. @throws for a missing folder, or a model that is no OPT */
export async function openLanguage(folder: string): Promise<FrozenFolder> {
  const whole = await readConfigJson(folder);
  const json = partOf(whole, 'text_config');
  const config = optConfig(json);
  const source = await openSafetensors(folder);
  const prefix = whole.text_config === undefined ? '' : 'language_model.';
  return {
    json,
    source,
    prefix,
    owns: (name) => name.startsWith(prefix) && !(config.tied && name === `${prefix}lm_head.weight`),
  };
}

/** A model's own config, or its part of a BLIP-2 folder's; that part has the model type that BLIP-2 has by default. */
function partOf(json: Json, key: 'vision_config' | 'text_config'): Json {
  const part = json[key];
  if (part === undefined) return json;
  const type = key === 'vision_config' ? 'blip_2_vision_model' : 'opt';
  return { model_type: type, ...(isJson(part) ? part : {}) };
}
