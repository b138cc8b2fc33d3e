import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from './run.js';
import { type Package, readPackage } from './workspace.js';

/** The files of a small package that passes every check. */
export const goodFiles: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({
    name: '@blip2/sample',
    version: '1.0.0',
    type: 'module',
    license: 'MIT',
    sideEffects: false,
    engines: { node: '>=20' },
    exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' }, './package.json': './package.json' },
    files: ['dist'],
  }),
  'README.md': '# sample\n',
  LICENSE: 'MIT\n',
  'src/index.ts': 'export const one: number = 1;\n',
  'dist/index.js': 'export const one = 1;\n',
  'dist/index.d.ts': 'export declare const one: number;\n',
};

/** Calls `body` with a package of these files in a new temporary folder, which is removed afterwards. */
export async function withPackage<T>(
  files: Readonly<Record<string, string | undefined>>,
  body: (pkg: Package, folder: string) => T | Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'blip2-sandbox-'));
  try {
    for (const [path, text] of Object.entries({ ...goodFiles, ...files })) {
      if (text === undefined) continue;
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    return await body(readPackage(folder), folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Packs a package of the sandbox with npm; gives the path of the tarball. */
export async function pack({ folder }: Package): Promise<string> {
  const { code, output } = await run('npm', ['pack', '--loglevel=error'], { cwd: folder });
  if (code !== 0) throw new Error(output);
  return join(folder, output.trim().split('\n').at(-1) as string);
}
