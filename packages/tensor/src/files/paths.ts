import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/**
 * Converts a `file:` URL to a path; a string is returned as it is.
 * @throws for a URL of another protocol
 */
export function toPath(path: string | URL): string {
  if (typeof path === 'string') return path;
  if (path.protocol === 'file:') return fileURLToPath(path);
  throw new Error(`'${path.href}' is not a file: URL; give a path or a file: URL.`);
}

/** Reports whether a folder exists at a path or `file:` URL; what cannot be accessed counts as absent. */
export const isFolder = (path: string | URL): Promise<boolean> =>
  stat(toPath(path)).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** Reports whether a regular file exists at a path or `file:` URL; what cannot be accessed counts as absent. */
export const isFile = (path: string | URL): Promise<boolean> =>
  stat(toPath(path)).then(
    (found) => found.isFile(),
    () => false,
  );
