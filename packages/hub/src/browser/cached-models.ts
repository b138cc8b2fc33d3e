import { HubError } from '../errors.js';
import { hubName, nameOf } from '../name.js';
import type { CachedModel } from '../options.js';
import type { HubSettings } from '../settings.js';
import { isComplete, openStore, removeStored, storedModels } from './store.js';

/**
 * Lists the models that were downloaded completely, by name: of the cache of `huggingface_hub` in Node, of the page's own storage in
 * a browser.
 * @param _hub where the cache of Node is; not used in a browser
 */
export async function cachedModels(_hub: Partial<HubSettings> = {}): Promise<CachedModel[]> {
  const store = await openStore();
  const models = store ? await storedModels(store) : [];
  return models
    .filter(isComplete)
    .map(({ name, files }) => ({ name, bytes: Object.values(files).reduce((sum, { size }) => sum + size, 0) }))
    .sort((a, b) => a.name.localeCompare(b.name));
}

/**
 * Deletes a downloaded model, whether it is complete or not.
 * @param name `org/name` or `org/name@revision`, or an address, as `cachedModels` lists it
 * @returns whether there was one
 * @throws HubError where it cannot be deleted
 */
export async function deleteModel(name: string, _hub: Partial<HubSettings> = {}): Promise<boolean> {
  const store = await openStore();
  const parsed = hubName(name);
  if (!store) return false;
  try {
    return await removeStored(store, parsed ? nameOf(parsed) : name);
  } catch (cause) {
    throw new HubError(`'${name}' cannot be deleted: ${(cause as Error).message}; close other tabs that use it.`, {
      cause,
    });
  }
}
