import { SafetensorsError } from './errors.js';

// The declarations of the public modules must not refer to this file: they would need @types/node.

interface NodeModules {
  readonly promises: typeof import('node:fs').promises;
  readonly path: typeof import('node:path');
  readonly url: typeof import('node:url');
}

/** Loads Node's file system modules; variable specifiers, so that bundlers for browsers ignore them. */
export async function node(file: string): Promise<NodeModules> {
  const load = (specifier: string) => import(/* webpackIgnore: true */ /* @vite-ignore */ specifier);
  try {
    const [{ promises }, path, url] = await Promise.all(['node:fs', 'node:path', 'node:url'].map(load));
    return { promises, path, url };
  } catch (cause) {
    throw new SafetensorsError(file, 'paths need Node', 'give a Blob or a Uint8Array here', { cause });
  }
}

/** Converts a `file:` URL to a path (Node); a string is returned as it is. @throws SafetensorsError for another protocol */
export async function toPath(path: string | URL): Promise<string> {
  if (typeof path === 'string') return path;
  if (path.protocol === 'file:') return (await node(path.href)).url.fileURLToPath(path);
  throw new SafetensorsError(path.href, 'this is not a file: URL', 'give a path or a file: URL');
}
