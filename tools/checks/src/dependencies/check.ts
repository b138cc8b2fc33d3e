import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { installed, isTest, type Package, packageName } from '../workspace.js';
import { type Import, importsOf } from './imports.js';
import type { Dependencies } from './table.js';

/** Packages that run in Node alone: to import one statically shuts browsers out as much as `node:fs` does. */
const nodePackages = new Set(['sharp']);

/** Holds the imports and dependencies of one package against its row of the table. */
export function checkDependencies(pkg: Package, row: Dependencies | undefined): string[] {
  if (!row) return ['It has no row in tools/checks/src/dependencies/table.ts: add one, with what it may import.'];
  const allowed = new Set([...row.siblings, ...Object.keys(row.npm)]);
  const problems = installed(pkg)
    .filter((name) => !allowed.has(name))
    .map((name) => `package.json depends on ${name}, which is not in the table of dependencies.`);
  for (const file of sourcesOf(join(pkg.folder, 'src'))) {
    const path = relative(pkg.folder, file).split(sep).join('/');
    for (const one of importsOf(readFileSync(file, 'utf8'))) {
      const problem = isTest(path)
        ? undeclared(pkg, file, one, true)
        : problemOf({ pkg, row, allowed, file, path, one });
      if (problem) problems.push(`${path} ${problem}`);
    }
  }
  return [...new Set(problems)];
}

interface Place {
  readonly pkg: Package;
  readonly row: Dependencies;
  readonly allowed: ReadonlySet<string>;
  readonly file: string;
  readonly path: string;
  readonly one: Import;
}

function problemOf({ pkg, row, allowed, file, path, one }: Place): string | undefined {
  const { from, kind } = one;
  if (from === undefined) return row.computed?.[path] ? undefined : 'computes the name in an import(): write it out.';
  const name = packageName(from);
  if ((isBuiltin(from) || nodePackages.has(name)) && kind === 'static' && !covers(row.onlyNode, path)) {
    return `imports ${from} statically, which shuts browsers out: use await import().`;
  }
  const foreign = !from.startsWith('.') && !from.startsWith('#') && !isBuiltin(from) && name !== pkg.manifest.name;
  if (foreign && !allowed.has(name)) return `imports ${from}, which is not in the table of dependencies.`;
  return undeclared(pkg, file, one, false);
}

/** Imports that package.json does not declare, and relative ones that leave the package. */
function undeclared(pkg: Package, file: string, { from }: Import, test: boolean): string | undefined {
  if (from === undefined || isBuiltin(from)) return undefined;
  if (from.startsWith('.')) {
    const inside = resolve(dirname(file), from).startsWith(pkg.folder + sep);
    return inside ? undefined : `imports ${from}, a file outside the package.`;
  }
  if (from.startsWith('#')) {
    return pkg.manifest.imports?.[from] ? undefined : `imports ${from}, which "imports" of package.json does not have.`;
  }
  const declared = test ? [...installed(pkg), ...Object.keys(pkg.manifest.devDependencies ?? {})] : installed(pkg);
  const name = packageName(from);
  if (name === pkg.manifest.name || declared.includes(name)) return undefined;
  return `imports ${from}, which package.json does not declare${test ? '' : ' as a dependency or peer'}.`;
}

const covers = (places: Readonly<Record<string, string>> | undefined, path: string): boolean =>
  Object.keys(places ?? {}).some((place) => path === place || path.startsWith(`${place}/`));

function sourcesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.[cm]?tsx?$/.test(path))
    .sort()
    .map((path) => join(folder, path));
}
