import { expect, jest, test } from '@jest/globals';
import { goodFiles, pack, withPackage } from '../sandbox.js';
import { checkDeclarations } from './declarations.js';
import { lintTarball } from './lint.js';
import { withPeers, withProject } from './project.js';
import { usePackage } from './use.js';

jest.setTimeout(120_000);

type Files = Record<string, string | undefined>;
const manifest = (fields: object): string =>
  JSON.stringify({ ...(JSON.parse(goodFiles['package.json'] as string) as object), ...fields });

const lint = (files: Files) => withPackage(files, async (pkg) => lintTarball(pkg, await pack(pkg)));
const install = (files: Files, script?: string) =>
  withPackage(files, async (pkg) => {
    const tarballs = new Map([[pkg.manifest.name, await pack(pkg)]]);
    return withProject(withPeers(pkg, tarballs), tarballs, (project) => usePackage(pkg, project, script));
  });

test('a good package passes', async () => {
  expect(await lint({})).toEqual([]);
  expect(await install({})).toEqual([]);
});

test('a package without types fails in all three', async () => {
  const files = { 'dist/index.d.ts': undefined };
  const problems = (await lint(files)).join('\n');
  expect(problems).toContain('publint: ');
  expect(problems).toContain('attw: ');
  expect(await install(files)).toEqual([expect.stringContaining("The types fail in a user's project")]);
});

test('an entry for import alone fails: it would shut require out', async () => {
  const entry = { types: './dist/index.d.ts', import: './dist/index.js' };
  const problems = await lint({ 'package.json': manifest({ exports: { '.': entry } }) });
  expect(problems).toEqual([expect.stringContaining('has no "default"')]);
});

test('declarations that need what a user may not have fail, by their package', async () => {
  const check = (declaration: string) =>
    withPackage({ 'dist/index.d.ts': declaration }, async (pkg) => {
      const tarballs = new Map([[pkg.manifest.name, await pack(pkg)]]);
      return withProject([pkg.manifest.name], tarballs, async (project) =>
        (await checkDeclarations([pkg], project)).get(pkg.manifest.name),
      );
    });
  expect(await check('export declare const one: number;')).toEqual([]);
  const problems = await check(`export declare const one: Disposable; export declare const two: Buffer;`);
  for (const compiler of ['TypeScript 5.9', 'TypeScript 7']) {
    for (const name of ['Disposable', 'Buffer']) {
      expect(problems).toContainEqual(expect.stringMatching(new RegExp(`^${compiler}: .*'${name}'`)));
    }
  }
});

test('a link of the README to what is not packed fails', async () => {
  const readme = '# sample\n[a](https://example.org) [b](#use) [c](LICENSE) [d](../docs/d.md)\n';
  expect(await lint({ 'README.md': readme })).toEqual([expect.stringContaining('../docs/d.md, which is not packed')]);
});

test('an import that does not resolve for a user fails', async () => {
  const problems = await install({ 'dist/index.js': `export { one } from '@blip2/not-declared';\n` });
  expect(problems[0]).toContain("import('@blip2/sample') fails in Node");
  expect(problems[0]).toContain('@blip2/not-declared');
});

test('types that silently become any, and exports without a type, fail', async () => {
  const any = await install({ 'dist/index.d.ts': `export declare const one: import('not-there').One[];\n` });
  expect(any).toEqual([expect.stringContaining("'not-there'")]);
  const absent = await install({ 'dist/index.js': 'export const one = 1;\nexport const two = 2;\n' });
  expect(absent).toEqual([expect.stringContaining("'two'")]);
});

test('a file that is read at run time and was not packed fails', async () => {
  const files = {
    'dist/index.js': `import fs from 'node:fs';
export const one = () => fs.readFileSync(new URL('../data.txt', import.meta.url));`,
    'data.txt': 'here, but not in the tarball',
  };
  const problems = await install(files, `(await import('@blip2/sample')).one();`);
  expect(problems).toEqual([expect.stringContaining('It does not work from its tarball')]);
});

test('a command that does not start fails', async () => {
  const files = { 'package.json': manifest({ bin: { sample: './dist/cli.js' } }) };
  const cli = (body: string) => ({ ...files, 'dist/cli.js': `#!/usr/bin/env node\n${body}\n` });
  expect(await install(cli(`console.log('usage');`))).toEqual([]);
  expect(await install(cli('process.exit(3);'))).toEqual([expect.stringContaining('sample --help ends with 3')]);
});

test('a tarball without README or licence, or with tests in it, fails', async () => {
  const problems = await lint({ 'README.md': undefined, LICENSE: undefined, 'dist/one.test.js': '' });
  for (const text of ['no README.md', 'no LICENSE', 'one.test.js, which no user needs']) {
    expect(problems).toContainEqual(expect.stringContaining(text));
  }
});
