import { quote } from '../safetensors/errors.js';
import type { MachineOptions } from './pickle/machine.js';
import { elementBytes, isCount, storageTypes } from './pickle/tensors.js';
import { isGlobal, type TorchStorage, type Value } from './pickle/values.js';

/** What a pickle expects of the storage under a key. */
export interface Needed {
  readonly elementBytes: number;
  /** Its least size in bytes. */
  readonly bytes: number;
}

/**
 * Resolves the persistent ids by which a pickle names its storages. `needed` collects them, so that they can be checked
 * against the file once the pickle has been read.
 */
export function storageTable(fail: MachineOptions['fail']) {
  const needed = new Map<string, Needed>();
  const persistent = (id: Value): TorchStorage => {
    const storage = storageOf(id, fail);
    const { key, start, size } = storage;
    const element = elementBytes(storage);
    const before = needed.get(key);
    if (before && before.elementBytes !== element) throw fail(`the storage ${quote(key)} is used with two dtypes`);
    const bytes = (start + size) * element;
    if (!Number.isSafeInteger(bytes)) throw fail(`the storage ${quote(key)} is too large`);
    needed.set(key, { elementBytes: element, bytes: Math.max(bytes, before?.bytes ?? 0) });
    return storage;
  };
  return { persistent, needed };
}

/** Parses ('storage', class, key, device, elements) and in the old format also (key, offset, elements) of a view, or None. */
function storageOf(id: Value, fail: MachineOptions['fail']): TorchStorage {
  const [tag, type, key, , size, view] = Array.isArray(id) ? id : [];
  if (
    tag !== 'storage' ||
    !isGlobal(type) ||
    !storageTypes.has(type.name) ||
    typeof key !== 'string' ||
    !isCount(size)
  ) {
    throw fail('the pickle has a persistent id that is not a storage');
  }
  const dtype = storageTypes.get(type.name);
  if (!Array.isArray(view)) return { kind: 'storage', key, dtype, start: 0, size };
  const [, start, part] = view;
  if (!isCount(start) || !isCount(part) || start + part > size)
    throw fail(`a view of the storage ${quote(key)} is invalid`);
  return { kind: 'storage', key, dtype, start, size: part };
}
