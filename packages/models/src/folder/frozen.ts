import {
  adapterFolder,
  type LanguageModel,
  languageConfig,
  languageKind,
  languageRepeats,
  mergeAdapter,
  openAdapted,
  vocabularyRows,
} from '@blip2/llm';
import type { WeightSource } from '@blip2/tensor';
import { isJson, type Json } from '@blip2/tensor';
import {
  type FolderReference,
  openWeights,
  readConfigJson,
  readGenerationJson,
  readReference,
} from '@blip2/tensor/files';
import { readVisionConfig, visionPart } from '@blip2/vision';

/** A frozen model in a folder of its own or within a BLIP-2 folder. */
export interface FrozenFolder {
  /** The folder that its weights are in. */
  readonly folder: string;
  /** Its part of `config.json`. */
  readonly json: Json;
  /** The `quantization_config` of the folder, where its weights are packed. */
  readonly quantization?: Json | undefined;
  /** What of `json` replaces keys of the folder's own `config.json`, where a model refers to it. */
  readonly changes?: Json;
  readonly source: WeightSource;
  /** The prefix of its names. */
  readonly prefix: string;
  /** Whether a full name belongs to it. */
  readonly owns: (name: string) => boolean;
}

/** What a BLIP-2's `config.json` may change of an encoder that it refers to: how densely a convolutional one is evaluated. */
export const VISION_CHANGES = ['output_stride'] as const;

/**
 * Opens the image encoder of a folder: of an image encoder or of a BLIP-2, which may refer to another folder.
 * @throws for a missing folder or an unknown model type
 */
export async function openVisionFolder(folder: string): Promise<FrozenFolder> {
  const json = await readConfigJson(folder);
  const options = { model: folder, key: 'vision_config', allowed: VISION_CHANGES };
  return openVision(folder, json, await readReference(json.vision_config, options));
}

async function openVision(folder: string, json: Json, reference: FolderReference | undefined): Promise<FrozenFolder> {
  if (reference) return openReferredVision(reference);
  const config = readVisionConfig(json);
  const source = await openWeights(folder);
  const within = json.vision_config === undefined ? undefined : 'vision_model.';
  const { quantization, part } = split(partOf(json, 'vision_config'), json);
  return { folder, json: part, ...quantization, source, ...visionPart(source, config, within) };
}

/** Opens the image encoder that a model refers to. @throws where that folder refers to a third one */
export async function openReferredVision({ folder, changes }: FolderReference): Promise<FrozenFolder> {
  const json = await readConfigJson(folder);
  expectWhole(folder, json, 'vision_config');
  const opened = await openVision(folder, json, undefined);
  if (Object.keys(changes).length === 0) return opened;
  try {
    return withVisionChanges(opened, changes);
  } catch (error) {
    await opened.source.close();
    throw error;
  }
}

/** An encoder of which `changes` replace keys of the config. @throws for a key that such an encoder has not, or a wrong value */
export function withVisionChanges(encoder: FrozenFolder, changes: Json): FrozenFolder {
  if (encoder.json.model_type !== 'efficientnet_lite') {
    const keys = Object.keys(changes).join(', ');
    throw new Error(`The image encoder in '${encoder.folder}' has no ${keys}; leave it out.`);
  }
  const json = { ...encoder.json, ...changes };
  readVisionConfig(json);
  return { ...encoder, json, changes: { ...encoder.changes, ...changes } };
}

/** @throws where a folder that a model refers to refers to another one */
function expectWhole(folder: string, json: Json, key: 'vision_config' | 'text_config'): void {
  const part = json[key];
  if (!isJson(part) || part.folder === undefined) return;
  throw new Error(`'${folder}', which a model refers to, refers to another folder itself; refer to that one.`);
}

/** A frozen language model in a folder, with what a BLIP-2 folder stores about it. */
export interface LanguageFolder extends FrozenFolder {
  readonly kind: LanguageModel['kind'];
  /** Its `generation_config.json`. */
  readonly generation?: Json;
  /** The rows of its token embeddings, V; padded vocabularies have more rows than tokens. */
  readonly rows: number;
}

/**
 * Opens the language model of a folder: of a language model or of a BLIP-2, which may refer to another folder. LoRA adapters in the
 * folder, or in its subfolder `adapter`, are merged into its weights.
 * @throws for a missing folder or an unknown model type
 */
export async function openLanguageFolder(folder: string): Promise<LanguageFolder> {
  const { text_config: part } = await readConfigJson(folder);
  const reference = await readReference(part, { model: folder, key: 'text_config' });
  if (!reference) return openReferredLanguage({ folder });
  const opened = await openReferredLanguage(reference);
  const adapters = await adapterFolder(folder);
  return adapters === undefined ? opened : { ...opened, source: await mergeAdapter(opened.source, adapters) };
}

/** Opens the language model that a model refers to, with its own adapters. @throws where that folder refers to a third one */
export async function openReferredLanguage({ folder }: Pick<FolderReference, 'folder'>): Promise<LanguageFolder> {
  const whole = await readConfigJson(folder);
  expectWhole(folder, whole, 'text_config');
  const { quantization, part: json } = split(partOf(whole, 'text_config'), whole);
  const generation = await readGenerationJson(folder);
  const config = languageConfig(json, generation);
  const source = await openAdapted(folder);
  const prefix = whole.text_config === undefined ? '' : 'language_model.';
  const repeats = languageRepeats(config, (name) => source.names.has(prefix + name));
  return {
    folder,
    // transformers reads these from the config of a T5 within a BLIP-2, where a T5 of its own has them by default
    json:
      config.modelType === 't5'
        ? { ...json, bos_token_id: config.bos, decoder_start_token_id: config.decoderStart }
        : json,
    ...quantization,
    kind: languageKind(config),
    ...(generation && { generation }),
    rows: vocabularyRows(source, config, prefix),
    source,
    prefix,
    owns: (name) => name.startsWith(prefix) && !repeats(name.slice(prefix.length)),
  };
}

/** A part of a config without the `quantization_config` of the whole, which is given beside it. */
function split(part: Json, { quantization_config: found }: Json) {
  const { quantization_config, ...rest } = part;
  return { part: rest, quantization: isJson(found) ? { quantization: found } : {} };
}

/** A model's own config, or its part of a BLIP-2 config, with the default model type of that part. */
function partOf(json: Json, key: 'vision_config' | 'text_config'): Json {
  const part = json[key];
  if (part === undefined) return json;
  const type = key === 'vision_config' ? 'blip_2_vision_model' : 'opt';
  return { model_type: type, ...(isJson(part) ? part : {}) };
}
