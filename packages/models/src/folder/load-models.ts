import { readConfigJson, toPath } from '@blip2/tensor/files';
import type { ModelKind } from './config.js';
import { type LoadOptions, loadFolder, modelFolder, modelKindsIn } from './load.js';
import type { LoadedModel } from './loaded-model.js';

/**
 * Loads all models of a folder: both of a training run's folder unless `kind` selects one, with one image encoder where both
 * have the same, and the only model of another folder.
 * @param folder a path or a `file:` URL
 * @returns at least one model, that of stage 2 first; the caller disposes them
 * @throws as `loadFolder` does
 */
export async function loadModels(folder: string | URL, options: LoadOptions = {}): Promise<LoadedModel[]> {
  const path = toPath(folder);
  const found = options.kind ? [] : await modelKindsIn(path);
  const kinds = found.length > 0 ? found : [options.kind];
  const shared = found.length > 1 && (await haveOneEncoder(path, found));
  const models: LoadedModel[] = [];
  try {
    for (const kind of kinds) {
      const vision = options.vision ?? (shared ? models[0]?.vision : undefined);
      models.push(await loadFolder(path, { ...options, kind, vision }));
    }
    return models;
  } catch (error) {
    for (const model of models) model.dispose();
    throw error;
  }
}

/** Whether the models of a run say the same of their image encoder: a run has one, but stages may be put together. */
async function haveOneEncoder(folder: string, kinds: readonly ModelKind[]): Promise<boolean> {
  const encoders = new Set<string>();
  for (const kind of kinds) {
    const { vision_config } = await readConfigJson(await modelFolder(folder, kind));
    encoders.add(JSON.stringify(vision_config));
  }
  return encoders.size === 1;
}
