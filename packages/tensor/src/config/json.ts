import { isJson, type Json } from './fields.js';

/** How deep the JSON files of models may be nested; theirs are below 10. */
const DEEPEST = 64;

/**
 * A JSON file that holds an object. What is nested deeper than any model's file is refused, since whoever walks through it
 * would run out of stack. A key `__proto__` is a key like others here.
 * @param text or bytes, which must be UTF-8
 * @param file how errors name it
 * @throws for what is no such JSON
 */
export function parseJson(text: string | Uint8Array, file: string): Json {
  const json = parsed(text);
  if (!isJson(json)) throw new Error(`${file} is not a JSON object; write or download it again.`);
  if (!isShallow(json)) throw new Error(`${file} is nested more than ${DEEPEST} deep; download it again.`);
  return json;
}

function parsed(text: string | Uint8Array): unknown {
  try {
    return JSON.parse(typeof text === 'string' ? text : new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch {
    return undefined;
  }
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
