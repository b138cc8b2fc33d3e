import { readConfigJson, toPath } from '@blip2/tensor/files';
import type { ModelKind } from './config.js';
import { type LoadOptions, loadOpened, modelFolder, modelKindsIn, type OpenedFolder, openFolder } from './load.js';
import { valuesToLoad } from './load-plan.js';
import type { LoadedModel } from './loaded-model.js';
import type { LoadProgress } from './sources.js';

/**
 * Loads all models of a folder: both of a training run's folder unless `kind` selects one, with one image encoder where both
 * have the same, and the only model of another folder. `onProgress` counts the values of all of them.
 * @param folder a path or a `file:` URL
 * @returns at least one model, that of stage 2 first; the caller disposes them
 * @throws as `loadFolder` does
 */
export async function loadModels(folder: string | URL, options: LoadOptions = {}): Promise<LoadedModel[]> {
  const path = toPath(folder);
  const found = options.kind ? [] : await modelKindsIn(path);
  const kinds = found.length > 0 ? found : [options.kind];
  const shared = found.length > 1 && (await haveOneEncoder(path, found));
  const opened: OpenedFolder[] = [];
  const models: LoadedModel[] = [];
  try {
    for (const kind of kinds) opened.push(await openFolder(await modelFolder(path, kind), options));
    const values = opened.map(({ source }, i) =>
      valuesToLoad(source, { vision: !options.vision && !(shared && i > 0), language: !options.language }),
    );
    const total = values.reduce((a, b) => a + b, 0);
    let before = 0;
    while (opened.length > 0) {
      const next = opened[0]!;
      const vision = options.vision ?? (shared ? models[0]?.vision : undefined);
      const onProgress = ({ done }: LoadProgress): void => options.onProgress?.({ done: before + done, total });
      models.push(await loadOpened(next, { ...options, vision, onProgress }));
      before += values[models.length - 1]!;
      opened.shift();
      await next.source.close();
    }
    return models;
  } catch (error) {
    for (const model of models) model.dispose();
    throw error;
  } finally {
    for (const { source } of opened) await source.close();
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
