import { isJson, type Json } from './fields.js';
import { isLfsPointer, LFS_PROBLEM, LFS_REMEDY } from './lfs-pointer.js';

/** Levels of nesting at most; those of models have less than 10. */
const DEEPEST = 64;

/**
 * Parses the content of a JSON file whose value is an object. Nesting of more than 64 levels is rejected, so that recursive
 * functions are safe on untrusted files; the key `__proto__` is an ordinary key.
 * @param text text, or bytes in UTF-8, or in UTF-16 with a byte-order mark
 * @param file name of the file in errors
 * @throws for malformed JSON and other values, and for a Git LFS pointer in place of the file
 */
export function parseJson(text: string | Uint8Array, file: string): Json {
  if (isLfsPointer(text)) throw new Error(`${file}: ${LFS_PROBLEM}; ${LFS_REMEDY}.`);
  const json = parsed(text);
  if (!isJson(json)) throw new Error(`${file} is not a JSON object; write or download it again.`);
  if (!isShallow(json)) throw new Error(`${file} is nested more than ${DEEPEST} levels deep; download it again.`);
  return json;
}

function parsed(text: string | Uint8Array): unknown {
  try {
    return JSON.parse(typeof text === 'string' ? text.replace(/^\uFEFF/, '') : decode(text));
  } catch {
    return undefined;
  }
}

/** Decodes a text in the encoding of its byte-order mark, without the mark; UTF-8 where there is none. */
function decode(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const little = first === 0xff && second === 0xfe;
  const big = first === 0xfe && second === 0xff;
  return new TextDecoder(little ? 'utf-16le' : big ? 'utf-16be' : 'utf-8', { fatal: true }).decode(bytes);
}

/** Level by level, not by recursion. */
function isShallow(json: Json): boolean {
  let level: unknown[] = [json];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) return false;
    const next: unknown[] = [];
    for (const value of level) {
      for (const child of Object.values(value as object))
        if (typeof child === 'object' && child !== null) next.push(child);
    }
    level = next;
  }
  return true;
}
