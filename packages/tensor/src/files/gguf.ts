import { type GgufSource, openGguf } from '../gguf/index.js';

/** Tells whether a path is that of a GGUF file, which stands for the folder of a language model. */
export const isGguf = (path: string): boolean => /\.gguf$/i.test(path);

/** Opens a GGUF file for as long as something is read from it. */
export async function withGguf<T>(path: string, read: (source: GgufSource) => T | Promise<T>): Promise<T> {
  const source = await openGguf(path);
  try {
    return await read(source);
  } finally {
    await source.close();
  }
}
