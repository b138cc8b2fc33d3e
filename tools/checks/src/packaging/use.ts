import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../run.js';
import { type Package, root } from '../workspace.js';
import { uses } from './uses.js';

/**
 * Uses a package as a user would, in a project in which it is installed: imports every entry, names what it exports in
 * TypeScript, uses the files that it brings, and starts its commands. Gives what failed.
 */
export async function usePackage(
  { manifest }: Package,
  project: string,
  script: string | undefined = uses[manifest.name],
): Promise<string[]> {
  const problems: string[] = [];
  const lines: string[] = [];
  for (const [index, key] of Object.keys(manifest.exports ?? {}).entries()) {
    if (key.endsWith('.json')) continue;
    const entry = manifest.name + key.slice(1);
    const list = `console.log('\\n' + JSON.stringify(Object.keys(await import(${JSON.stringify(entry)}))))`;
    const { code, output } = await run(process.execPath, ['--input-type=module', '-e', list], { cwd: project });
    if (code !== 0) {
      problems.push(`import('${entry}') fails in Node: ${output.trim()}`);
      continue;
    }
    const names = JSON.parse(output.trim().split('\n').at(-1) as string) as string[];
    if (names.length === 0) problems.push(`import('${entry}') exports nothing.`);
    lines.push(`import * as m${index} from ${JSON.stringify(entry)};`);
    for (const name of names) lines.push(`void m${index}.${name};`);
  }
  problems.push(...(await typeCheck(manifest.name, project, lines)));
  const used = script
    ? await run(process.execPath, ['--input-type=module', '-e', script], { cwd: project })
    : undefined;
  if (used?.code) problems.push(`It does not work from its tarball: ${used.output.trim()}`);
  for (const command of Object.keys(manifest.bin ?? {})) {
    const { code, output } = await run('npx', ['--no-install', command, '--help'], { cwd: project });
    if (code !== 0) problems.push(`${command} --help ends with ${code}: ${output.trim()}`);
  }
  return problems;
}

/** How TypeScript checks what uses a package. */
export const compilerOptions = {
  module: 'NodeNext',
  target: 'ES2022',
  lib: ['ES2023', 'ESNext.Disposable', 'DOM'],
  types: ['node'],
  strict: true,
  noEmit: true,
};

/**
 * Type checks a file that uses every export, and the package's own declarations: a name that they import in vain would
 * silently be `any`. Errors in the declarations of other packages are left out: those of TensorFlow.js do not pass.
 */
async function typeCheck(name: string, project: string, lines: readonly string[]): Promise<string[]> {
  mkdirSync(join(project, 'src'));
  writeFileSync(join(project, 'src/use.ts'), `${lines.join('\n')}\n`);
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { code, output } = await run(process.execPath, [tsc, '-p', 'tsconfig.json', '--pretty', 'false'], {
    cwd: project,
  });
  if (code === 0) return [];
  const errors = output.split('\n').filter((line) => line.includes('error TS'));
  if (errors.length === 0) return [`tsc fails in a user's project: ${output.trim()}`];
  const places = ['src/', `node_modules/${name}/`, 'error TS']; // the last: what has no file, as a wrong option
  const own = errors.filter((line) => places.some((place) => line.startsWith(place)));
  return own.length === 0 ? [] : [`The types fail in a user's project: ${own.join('\n')}`];
}
