import { existsSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { importsOf } from '../dependencies/imports.js';
import { type Package, packageName } from '../workspace.js';

/** An import that a browser cannot follow. */
export interface Unreachable {
  /** The files that lead to it, the entry first. */
  readonly through: readonly string[];
  readonly specifier: string;
}

/** Packages whose main entry runs in Node alone, whatever imports it. */
const nodePackages: ReadonlySet<string> = new Set(['sharp', 'usearch']);

/**
 * Follows the imports of built files from the entries of a package, those of `import()` too, as a bundler for browsers does: by the
 * conditions `browser`, `import` and `default`, never by `node`. Gives the imports of Node's own modules and packages.
 * @param folders of the packages of this workspace, by name
 * @param optional packages that may be imported by `import()`: whoever bundles leaves them out or replaces them
 */
export function nodeImports(
  { folder, manifest }: Package,
  folders: ReadonlyMap<string, Package>,
  optional: readonly string[] = [],
): Unreachable[] {
  const found: Unreachable[] = [];
  const seen = new Set<string>();
  const visit = (file: string, through: readonly string[]): void => {
    if (seen.has(file) || !/\.[cm]?js$/.test(file)) return;
    seen.add(file);
    const path = [...through, shown(file, folders)];
    if (!existsSync(file)) {
      found.push({ through: path, specifier: 'a file that is not there: build first' });
      return;
    }
    for (const { from, kind } of importsOf(readFileSync(file, 'utf8'))) {
      if (from === undefined) continue;
      const lazy = kind === 'dynamic' && optional.includes(packageName(from));
      if (isBuiltin(from) || (nodePackages.has(packageName(from)) && !lazy))
        found.push({ through: path, specifier: from });
      else for (const next of targetOf(from, file, folders)) visit(next, path);
    }
  };
  for (const entry of Object.values(manifest.exports ?? {})) {
    for (const target of chosen(entry)) visit(join(folder, target), []);
  }
  return found;
}

/** The file of an import within the workspace; none of what lies outside it. */
function targetOf(from: string, file: string, folders: ReadonlyMap<string, Package>): string[] {
  if (from.startsWith('.')) return [resolve(dirname(file), from)];
  if (from.startsWith('#')) {
    const owner = [...folders.values()].find(({ folder }) => file.startsWith(folder + sep));
    return owner ? chosen(owner.manifest.imports?.[from]).map((path) => join(owner.folder, path)) : [];
  }
  const target = folders.get(packageName(from));
  if (!target) return [];
  const key = `.${from.slice(target.manifest.name.length)}`;
  return chosen(target.manifest.exports?.[key]).map((path) => join(target.folder, path));
}

const CONDITIONS = new Set(['browser', 'import', 'default']);

/** What an entry of "exports" or "imports" gives to a browser: the first condition that holds. */
export function chosen(entry: unknown): string[] {
  if (typeof entry === 'string') return [entry];
  for (const [condition, value] of Object.entries(entry ?? {})) {
    if (CONDITIONS.has(condition)) return chosen(value);
  }
  return [];
}

function shown(file: string, folders: ReadonlyMap<string, Package>): string {
  for (const { folder, manifest } of folders.values()) {
    if (file.startsWith(folder + sep)) return `${manifest.name}/${relative(folder, file).split(sep).join('/')}`;
  }
  return file;
}
