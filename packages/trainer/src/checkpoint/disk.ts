/** Loads Node's modules when they are first used, so that the rest of the package also runs in browsers. */
export async function node(): Promise<{ fs: typeof import('node:fs/promises'); url: typeof import('node:url') }> {
  const load = (specifier: string) => import(/* webpackIgnore: true */ /* @vite-ignore */ specifier);
  const [fs, url] = await Promise.all(['node:fs/promises', 'node:url'].map(load));
  return { fs, url };
}

/** Converts a `file:` URL to a path (Node); a string is returned as it is. @throws for a URL of another protocol */
export async function toPath(path: string | URL): Promise<string> {
  if (typeof path === 'string') return path;
  if (path.protocol === 'file:') return (await node()).url.fileURLToPath(path);
  throw new Error(`'${path.href}' is not a file: URL; give a path or a file: URL`);
}

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
