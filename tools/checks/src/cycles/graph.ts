import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { importsOf } from '../dependencies/imports.js';
import { type Package, packageName, readPackage } from '../workspace.js';

/** The files that each file imports: statically, lazily, or for a type alone. */
export type Graph = ReadonlyMap<string, readonly string[]>;

/** The imports between the files of these packages, by paths relative to `root`. */
export function importGraph(root: string, folders: readonly string[]): Graph {
  const packages = new Map(folders.map(readPackage).map((pkg) => [pkg.manifest.name, pkg]));
  const graph = new Map<string, string[]>();
  const pathOf = (file: string): string => relative(root, file).split(sep).join('/');
  for (const pkg of packages.values()) {
    for (const file of sourcesOf(pkg.folder)) {
      const specifiers = importsOf(readFileSync(file, 'utf8')).flatMap(({ from }) => from ?? []);
      const files = specifiers.flatMap((from) => targetsOf(from, file, pkg, packages));
      graph.set(pathOf(file), [...new Set(files.map(pathOf))]);
    }
  }
  return graph;
}

const left = new Set(['node_modules', 'dist', 'fixtures', '.cache', 'peers']);

function sourcesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !left.has(name))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return sourcesOf(path);
      return /\.([cm]?[jt]s|tsx)$/.test(entry.name) ? [path] : [];
    });
}

/** The files that an import may stand for; none where it leads out of the workspace. */
function targetsOf(from: string, file: string, pkg: Package, packages: ReadonlyMap<string, Package>): string[] {
  if (from.startsWith('.')) return sourceOf(resolve(dirname(file), from));
  if (from.startsWith('#')) return inManifest(pkg, pkg.manifest.imports?.[from]);
  const target = packages.get(packageName(from));
  if (!target) return [];
  return inManifest(target, target.manifest.exports?.[`.${from.slice(target.manifest.name.length)}`]);
}

/** Every file of an entry of "exports" or "imports" that is a source, whatever its condition. */
function inManifest(pkg: Package, entry: unknown): string[] {
  if (typeof entry === 'string') return entry.includes('/dist/') ? [] : sourceOf(join(pkg.folder, entry));
  return Object.values(entry ?? {}).flatMap((value) => inManifest(pkg, value));
}

/** `x.js` -> `x.ts`, where there is one. */
function sourceOf(path: string): string[] {
  const typescript = path.replace(/\.([cm]?)js$/, '.$1ts');
  return [typescript, path, `${path}.ts`]
    .filter((candidate) => /\.\w+$/.test(candidate) && existsSync(candidate))
    .slice(0, 1);
}
