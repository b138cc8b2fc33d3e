/** What is wrong with a file of weights, where, and what to do about it. */
export class FileError extends Error {
  constructor(
    /** The file (or the name given to bytes in memory). */
    readonly file: string,
    readonly problem: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${file}: ${problem}; ${remedy}.`, options);
  }
}

/** What is wrong with a safetensors file. */
export class SafetensorsError extends FileError {
  override readonly name = 'SafetensorsError';
}

export const AGAIN = 'the file is damaged or not safetensors: download or write it again';

/** A name from a file, made safe and short enough for a message. */
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

/** The system's code of a thrown value; not by `instanceof`, which fails between realms. */
export function errorCode(cause: unknown): string | undefined {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : undefined;
}

/** A thrown value in words. */
export function reason(cause: unknown): string {
  const known = REASONS[errorCode(cause) ?? ''];
  if (known !== undefined) return known;
  return typeof cause === 'object' && cause !== null && 'message' in cause ? String(cause.message) : String(cause);
}
