const problems = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a file is where a folder should be',
  EISDIR: 'it is a folder',
  EROFS: 'it can only be read',
  ENOTSUP: 'its folders cannot be listed',
  EACCES: 'permission denied',
  ENOSPC: 'there is no space left',
  EIO: 'it cannot be read',
} as const;

/** The codes of errors of mounted folders, which are those of Node for the same. */
export type FileErrorCode = keyof typeof problems;

/** An error of a mounted folder, in the form of Node's: `code` says what was wrong, `syscall` that it is one of files. */
export function fileError(code: FileErrorCode, path: string, cause?: unknown): Error {
  const detail = cause === undefined ? problems[code] : messageOf(cause);
  return Object.assign(new Error(`${code}: ${detail}, '${path}'`, { cause }), { code, syscall: 'mount' });
}

const messageOf = (cause: unknown): string =>
  typeof cause === 'object' && cause !== null && 'message' in cause ? String(cause.message) : String(cause);
