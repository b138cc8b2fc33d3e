import { fileStatus, pathOfUrl } from '../file-system/index.js';

/**
 * Converts a `file:` URL to a path, in a browser also the URL of a server; a string is returned as it is.
 * @throws for a URL of another protocol
 */
export const toPath = (path: string | URL): string => (typeof path === 'string' ? path : pathOfUrl(path));

/** Reports whether a folder exists at a path or `file:` URL; what cannot be accessed counts as absent. */
export const isFolder = (path: string | URL): Promise<boolean> => isKind(path, 'folder');

/** Reports whether a regular file exists at a path or `file:` URL; what cannot be accessed counts as absent. */
export const isFile = (path: string | URL): Promise<boolean> => isKind(path, 'file');

const isKind = (path: string | URL, wanted: 'file' | 'folder'): Promise<boolean> => {
  const plain = toPath(path);
  return fileStatus(plain).then(
    ({ kind }) => kind === wanted,
    () => false,
  );
};
