import { type LanguageModel, languageConfig, languageKind, languageRepeats, vocabularyRows } from '@blip2/llm';
import type { WeightSource } from '@blip2/tensor';
import { isJson, type Json } from '@blip2/tensor';
import { openWeights, readConfigJson, readGenerationJson } from '@blip2/tensor/files';
import { readVisionConfig, visionPart } from '@blip2/vision';

/** A frozen model in a folder of its own or within a BLIP-2 folder. */
export interface FrozenFolder {
  /** Its part of `config.json`. */
  readonly json: Json;
  readonly source: WeightSource;
  /** The prefix of its names. */
  readonly prefix: string;
  /** Whether a full name belongs to it. */
  readonly owns: (name: string) => boolean;
}

/** Opens the image encoder of a folder: of an image encoder or of a BLIP-2. @throws for a missing folder or an unknown model type */
export async function openVisionFolder(folder: string): Promise<FrozenFolder> {
  const json = await readConfigJson(folder);
  const config = readVisionConfig(json);
  const source = await openWeights(folder);
  const within = json.vision_config === undefined ? undefined : 'vision_model.';
  return { json: partOf(json, 'vision_config'), source, ...visionPart(source, config, within) };
}

/** A frozen language model in a folder, with what a BLIP-2 folder stores about it. */
export interface LanguageFolder extends FrozenFolder {
  readonly kind: LanguageModel['kind'];
  /** Its `generation_config.json`. */
  readonly generation?: Json;
  /** The rows of its token embeddings, V; padded vocabularies have more rows than tokens. */
  readonly rows: number;
}

/** Opens the language model of a folder: of a language model or of a BLIP-2. @throws for a missing folder or an unknown model type */
export async function openLanguageFolder(folder: string): Promise<LanguageFolder> {
  const whole = await readConfigJson(folder);
  const json = partOf(whole, 'text_config');
  const generation = await readGenerationJson(folder);
  const config = languageConfig(json, generation);
  const source = await openWeights(folder);
  const prefix = whole.text_config === undefined ? '' : 'language_model.';
  const repeats = languageRepeats(config, (name) => source.names.has(prefix + name));
  return {
    // transformers reads these from the config of a T5 within a BLIP-2, where a T5 of its own has them by default
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

/** A model's own config, or its part of a BLIP-2 config, with the default model type of that part. */
function partOf(json: Json, key: 'vision_config' | 'text_config'): Json {
  const part = json[key];
  if (part === undefined) return json;
  const type = key === 'vision_config' ? 'blip_2_vision_model' : 'opt';
  return { model_type: type, ...(isJson(part) ? part : {}) };
}
