import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The fields of package.json that the checks read. */
export interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly imports?: Readonly<Record<string, unknown>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export interface Package {
  readonly folder: string;
  readonly manifest: Manifest;
}

export const root = fileURLToPath(new URL('../../../', import.meta.url));

export function readPackage(folder: string): Package {
  return { folder, manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest };
}

/** The publishable packages of this checkout, or of another one, by name. */
export function publishedPackages(workspace = root): Package[] {
  const folder = join(workspace, 'packages');
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => readPackage(join(folder, entry.name)))
    .sort((a, b) => a.manifest.name.localeCompare(b.manifest.name));
}

/** The folders of all packages and tools. */
export function workspaceFolders(): string[] {
  return ['packages', 'tools']
    .flatMap((parent) => readdirSync(join(root, parent)).map((name) => join(root, parent, name)))
    .filter((folder) => existsSync(join(folder, 'package.json')));
}

/** What a user's package manager installs with the package. */
export function installed({ manifest }: Package): string[] {
  return Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies });
}

/** `@scope/name/sub/path` -> `@scope/name` */
export function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Whether a source belongs to the tests and benchmarks, and is not published. */
export const isTest = (path: string): boolean => /\.(test|bench)\.ts$|(^|[\\/])test-support[\\/]/.test(path);
