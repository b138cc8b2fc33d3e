import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** Converts a `file:` URL to a path; a string is a path already. @throws for a URL that is not a `file:` URL */
export function toPath(path: string | URL): string {
  if (typeof path === 'string') return path;
  if (path.protocol === 'file:') return fileURLToPath(path);
  throw new Error(`'${path.href}' is not a file: URL; give a path or a file: URL.`);
}

/** Whether there is a folder at a path. */
export const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** Whether there is a regular file at a path. */
export const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
