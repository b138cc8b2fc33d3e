import { type AdaptedWeights, type AdapterOptions, adapterFolder, mergeAdapter } from '@blip2/llm';
import type { Json } from '@blip2/tensor';
import { openWeights, readConfigJson, readGenerationJson, readReference } from '@blip2/tensor/files';
import { type FrozenFolder, openReferredLanguage, openReferredVision, VISION_CHANGES } from './frozen.js';
import { joinSources, type ModelWeights, type SourcePart } from './sources.js';
import { prefixes } from './specs.js';

/** A model's folder, open for reading, as if it held copies of the frozen parts that it refers to. */
export interface OpenedModel {
  /** Its `config.json`, with the configurations of those parts. */
  readonly json: Json;
  /** Its `generation_config.json`, or that of a language model that it refers to. */
  readonly generation?: Json | undefined;
  /** All tensors; closed by the caller. */
  readonly source: AdaptedWeights;
}

/** Options of `openModel`. */
export interface OpenModelOptions extends AdapterOptions {
  /** Folder of adapters in place of the model's own. */
  readonly adapter?: string | URL | undefined;
}

/**
 * Opens a model's folder and reads only headers. Where `vision_config` or `text_config` is `{"folder": path}`, that part is
 * read from the folder at this path, relative to the model's; an EfficientNet-Lite may be given another `output_stride`. LoRA
 * adapters in the folder, in its subfolder `adapter`, or in the one that is given, are merged into the weights.
 * @throws for a missing folder or config, a reference that cannot be followed, and as `openWeights` does
 */
export async function openModel(folder: string, { adapter, beside }: OpenModelOptions = {}): Promise<OpenedModel> {
  const json = await readConfigJson(folder);
  const [vision, text] = [
    await readReference(json.vision_config, { model: folder, key: 'vision_config', allowed: VISION_CHANGES }),
    await readReference(json.text_config, { model: folder, key: 'text_config' }),
  ];
  const opened: Pick<ModelWeights, 'close'>[] = [];
  const open = async <T extends FrozenFolder>(part: Promise<T>): Promise<T> => {
    const found = await part;
    opened.push(found.source);
    return found;
  };
  try {
    const encoder = vision && (await open(openReferredVision(vision)));
    const language = text && (await open(openReferredLanguage(text)));
    const own = await openWeights(folder);
    opened.push(own);
    const parts = [
      ...(encoder ? [partOf(encoder, prefixes.vision)] : []),
      ...(language ? [partOf(language, prefixes.language)] : []),
    ];
    const whole = parts.length > 0 ? joinSources(own, parts) : own;
    const adapters = adapter ?? (await adapterFolder(folder));
    const source = adapters === undefined ? whole : await mergeAdapter(whole, adapters, { beside });
    return {
      json: {
        ...json,
        ...(encoder && { vision_config: encoder.json }),
        ...(language && { text_config: language.json }),
      },
      generation: (await readGenerationJson(folder)) ?? language?.generation,
      source,
    };
  } catch (error) {
    for (const source of opened) await source.close();
    throw error;
  }
}

/** The tensors of a frozen part, by their names in a model. */
const partOf = ({ source, owns, prefix }: FrozenFolder, within: string): SourcePart => ({
  source,
  rename: (name) => (owns(name) ? within + name.slice(prefix.length) : undefined),
});
