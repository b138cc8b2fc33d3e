import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { run } from '../run.js';
import type { Package } from '../workspace.js';

/** The compilers that published declarations have to pass, by the names under which they are installed here. */
const compilers: Readonly<Record<string, string>> = { 'typescript-5.9': 'TypeScript 5.9', typescript: 'TypeScript 7' };

/** Strict, with the default `lib` of its target, without the types of Node, and checking every declaration. */
const compilerOptions = {
  module: 'NodeNext',
  target: 'ES2022',
  types: [],
  strict: true,
  skipLibCheck: false,
  noEmit: true,
};

/**
 * Type checks the declarations of packages that are installed in one project, all entries, with each compiler. Gives the
 * errors of each package by its name; errors in the declarations of others, e.g. of TensorFlow.js, are left out.
 */
export async function checkDeclarations(packages: readonly Package[], project: string): Promise<Map<string, string[]>> {
  const folder = join(project, 'declarations');
  mkdirSync(folder);
  const entries = packages.flatMap(({ manifest: { name, exports = {} } }) =>
    Object.keys(exports)
      .filter((key) => !key.endsWith('.json'))
      .map((key) => name + key.slice(1)),
  );
  const lines = entries.map((entry, i) => `export * as entry${i} from ${JSON.stringify(entry)};`);
  writeFileSync(join(folder, 'index.ts'), `${lines.join('\n')}\n`);
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['.'] }));
  const found = new Map<string, string[]>(packages.map(({ manifest: { name } }) => [name, []]));
  const require = createRequire(import.meta.url);
  for (const [alias, title] of Object.entries(compilers)) {
    const tsc = require.resolve(`${alias}/package.json`).replace('package.json', 'bin/tsc');
    const { code, output } = await run(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], { cwd: project });
    const errors = output.split('\n').filter((line) => line.includes('error TS'));
    if (code !== 0 && errors.length === 0) throw new Error(`${title} fails: ${output.trim()}`);
    for (const error of errors) {
      const [, name] = /^node_modules\/((?:@blip2\/)?[^/]+)\//.exec(error) ?? [];
      if (name) found.get(name)?.push(`${title}: ${error}`);
      if (error.startsWith('declarations/')) throw new Error(`${title}: ${error}`);
    }
  }
  return found;
}
