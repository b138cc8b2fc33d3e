const REASONS: Record<string, string> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is read-only',
  ENOTDIR: 'a file is where a folder should be',
};

/** Describes in words why a disk operation failed. */
export function reason(error: unknown): string {
  for (let cause = error as Failure | undefined; cause; cause = cause.cause) {
    const words = REASONS[cause.code ?? ''];
    if (words) return words;
  }
  return (error as Failure | undefined)?.message ?? String(error);
}

interface Failure {
  readonly code?: string;
  readonly message?: string;
  readonly cause?: Failure;
}
