/** Node's own modules, loaded when first used, so that the rest of the package also runs in browsers. */
export async function node(): Promise<{ fs: typeof import('node:fs/promises'); path: typeof import('node:path') }> {
  const load = (specifier: string) => import(/* webpackIgnore: true */ /* @vite-ignore */ specifier);
  const [fs, path] = await Promise.all(['node:fs/promises', 'node:path'].map(load));
  return { fs, path };
}

const REASONS: Record<string, string> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is read-only',
  ENOTDIR: 'a file is where a folder should be',
};

/** Why the disk refused, in words. */
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
