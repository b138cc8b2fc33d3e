/** An error in a weights file: which file, what is wrong, and what to do. */
export class FileError extends Error {
  constructor(
    /** Path of the file, or the name given to bytes in memory. */
    readonly file: string,
    /** What is wrong. */
    readonly problem: string,
    /** What to do about it. */
    readonly remedy: string,
    options?: { cause?: unknown },
  ) {
    super(`${file}: ${problem}; ${remedy}.`, options);
  }
}

/** Thrown for a safetensors file that is malformed, or that cannot be read or written. */
export class SafetensorsError extends FileError {
  override readonly name = 'SafetensorsError';
}

export const AGAIN = 'the file is damaged or not safetensors: download or write it again';

/** Quotes a name from a file for a message, escaped and at most 80 characters long. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}

const REASONS: Record<string, string> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is read-only',
  ENOENT: 'there is no such file or folder',
  EMFILE: 'too many files are open',
  EIO: 'the disk reports an error',
};

/** Returns the system's error code of a thrown value; not by `instanceof`, which fails between realms. */
export function errorCode(cause: unknown): string | undefined {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : undefined;
}

/** Describes a thrown value in words. */
export function reason(cause: unknown): string {
  const known = REASONS[errorCode(cause) ?? ''];
  if (known !== undefined) return known;
  return typeof cause === 'object' && cause !== null && 'message' in cause ? String(cause.message) : String(cause);
}
