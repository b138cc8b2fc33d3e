import type { Flat, Json } from '@blip2/tensor';
import { isAbsolute, relative, resolve, toPath } from '@blip2/tensor/files';
import type { TensorEntry } from '@blip2/tensor/safetensors';
import { type ExternalModel, isExternal } from './config.js';
import { type FrozenFolder, withVisionChanges } from './frozen.js';
import { storedEntry } from './stored-entry.js';

/** A frozen model in a folder of its own. */
export interface FrozenModelFolder {
  readonly folder: string | URL;
  /**
   * Keep the folder's path, relative to that of the saved model, instead of a copy of the weights: several models then share
   * them, and must be moved together with that folder. Default false; what was trained is never referred to.
   */
  readonly reference?: boolean | undefined;
  /** Tensors that were trained, by their names in the saved model, in place of the folder's: `parts.encoder`. Default: none. */
  readonly trained?: Flat | undefined;
  /** The `output_stride` of an EfficientNet-Lite that the model was trained with, where it is not that of the folder's config. */
  readonly outputStride?: 16 | 32 | undefined;
}

/** How a frozen model is saved: from a folder, by default as a copy in the stored precision, or only by a name. */
export type FrozenModel = FrozenModelFolder | ExternalModel;

/** A frozen model to save: opened, with the path that a reference keeps, or external. */
export type SavedFrozen<T extends FrozenFolder> =
  | { readonly part: T; readonly path: string | undefined; readonly trained?: Flat | undefined }
  | ExternalModel;

/**
 * Opens a frozen model that is to be saved in the folder `target`.
 * @throws as `open` does, and where no relative path leads from the target to a folder that is to be referred to
 */
export async function openSaved<T extends FrozenFolder>(
  frozen: FrozenModel,
  { target, open }: { readonly target: string; readonly open: (folder: string) => Promise<T> },
): Promise<SavedFrozen<T>> {
  if (isExternal(frozen)) return frozen;
  const { folder, outputStride } = frozen;
  const trained = Object.keys(frozen.trained ?? {}).length > 0 ? frozen.trained : undefined;
  const reference = (frozen.reference ?? false) && !trained; // what was trained is not in that folder
  const found = await open(toPath(folder));
  try {
    const path = reference ? relativePath(target, found.folder) : undefined;
    if (outputStride === undefined) return { part: found, path, trained };
    return { part: { ...found, ...withVisionChanges(found, { output_stride: outputStride }) }, path, trained };
  } catch (error) {
    await found.source.close();
    throw error;
  }
}

/** The path from one folder to another, with slashes. @throws where there is none, between drives */
function relativePath(from: string, to: string): string {
  const path = relative(resolve(from), resolve(to));
  if (!isAbsolute(path)) return path.split(/[\\/]/).join('/');
  throw new Error(`There is no relative path from '${from}' to '${to}'; save a copy, without reference.`);
}

/** The part of `config.json` of a frozen model. */
export const configOf = (saved: SavedFrozen<FrozenFolder>): Json => {
  if (isExternal(saved)) return { external: saved.external };
  const { part, path } = saved;
  if (path !== undefined) return { folder: path, ...part.changes };
  const { architectures, transformers_version, ...json } = part.json;
  return json;
};

/**
 * The tensors of a frozen model that is copied; packed weights and half precision are kept, but for what was trained.
 * @throws for a trained tensor that the folder has not
 */
export function copied(saved: SavedFrozen<FrozenFolder>, prefix: string): TensorEntry[] {
  if (isExternal(saved) || saved.path !== undefined) return [];
  const { source, owns, prefix: before } = saved.part;
  const { trained = {} } = saved;
  const entries = [...source.names]
    .filter(([name]) => owns(name))
    .map(([name, info]): TensorEntry => {
      const full = prefix + name.slice(before.length);
      const tensor = trained[full];
      if (!tensor) return storedEntry(source, [name, info], full);
      return { name: full, shape: info.shape, dtype: 'F32', data: async () => (await tensor.data()) as Float32Array };
    });
  const names = new Set(entries.map(({ name }) => name));
  const lost = Object.keys(trained).find((name) => !names.has(name));
  if (lost === undefined) return entries;
  throw new Error(
    `'${lost}' was trained, but ${source.origin} has no tensor of that name; save its model's folder anew.`,
  );
}
