import { readFile, stat } from 'node:fs/promises';
import { isJson, isLfsPointer, type Json, LFS_PROBLEM, LFS_REMEDY } from '@blip2/tensor';

/** Bytes of a JSON file at most, which is read whole: V8 has no longer strings. */
const LARGEST = 500_000_000;

/**
 * Reads a JSON file whole.
 * @throws for a file that cannot be read, is larger than 500 MB, or is no JSON
 */
export async function readJsonFile(path: string, signal?: AbortSignal): Promise<unknown> {
  const { size } = await stat(path);
  if (size > LARGEST) throw new Error(`${path} has ${size} bytes, more than ${LARGEST}; split it into several files.`);
  const bytes = await readFile(path, signal && { signal });
  if (isLfsPointer(bytes)) throw new Error(`${path}: ${LFS_PROBLEM}; ${LFS_REMEDY}.`);
  try {
    return JSON.parse(bytes.toString('utf8').replace(/^\uFEFF/, ''));
  } catch {
    throw new Error(`${path} is not valid JSON; write or download it again.`);
  }
}

/** Returns the list under a key of a JSON object; undefined where it is none. */
export function listOf(json: unknown, key: string): readonly unknown[] | undefined {
  const value = isJson(json) ? fieldOf(json, key) : undefined;
  return Array.isArray(value) ? value : undefined;
}

/** Returns the value of an own key. */
export const fieldOf = (json: Json, key: string): unknown => (Object.hasOwn(json, key) ? json[key] : undefined);
