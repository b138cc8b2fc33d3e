import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import * as attw from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { linksOf } from '../readmes/blocks.js';
import type { Package } from '../workspace.js';

/** What is wrong with a tarball by itself: its files, publint in its strict mode, and whether its types are those of its code. */
export async function lintTarball(pkg: Package, tarball: string): Promise<string[]> {
  const bytes = readFileSync(tarball);
  const contents = attw.createPackageFromTarballData(new Uint8Array(bytes));
  const base = `/node_modules/${pkg.manifest.name}/`;
  const files = contents.listFiles().map((path) => path.replace(base, ''));
  return [
    ...problemsOfFiles(files),
    ...(files.includes('README.md') ? problemsOfLinks(contents.readFile(`${base}README.md`), files) : []),
    ...problemsOfExports(pkg.manifest.exports),
    ...(await problemsOfPublint(bytes)),
    ...(await problemsOfTypes(contents)),
  ];
}

function problemsOfFiles(files: readonly string[]): string[] {
  const problems = ['README.md', 'LICENSE']
    .filter((name) => !files.includes(name))
    .map((name) => `The tarball has no ${name}.`);
  const strays = files.filter((file) => /\.(test|bench)\.|\/test-support\/|\.tsbuildinfo$/.test(file));
  return [...problems, ...strays.map((file) => `The tarball has ${file}, which no user needs.`)];
}

/** Links of the README that lead to what is not packed. */
function problemsOfLinks(readme: string, files: readonly string[]): string[] {
  return linksOf(readme)
    .filter((target) => !/^(https?:|mailto:|#)/.test(target))
    .filter((target) => !files.includes(posix.normalize(target.replace(/#.*$/, ''))))
    .map((target) => `README.md links to ${target}, which is not packed: give a full URL.`);
}

/** Entries for `import` alone, which `require` cannot reach. */
function problemsOfExports(exports: Package['manifest']['exports'] = {}): string[] {
  return Object.entries(exports)
    .filter(([, entry]) => typeof entry === 'object' && entry !== null && !('default' in entry))
    .map(([key]) => `The entry "${key}" of "exports" has no "default": require() would not find it.`);
}

async function problemsOfPublint(bytes: Buffer): Promise<string[]> {
  const tarball = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
  return messages
    .filter(({ type }) => type !== 'suggestion')
    .map((message) => `publint: ${formatMessage(message, pkg, { color: false })}`);
}

/** CommonJS gets these ES modules by `require` where Node supports that; older resolution is not served. */
function isExpected(problem: attw.Problem): boolean {
  if (!('resolutionKind' in problem)) return false;
  return (
    problem.resolutionKind === 'node10' ||
    (problem.resolutionKind === 'node16-cjs' && problem.kind === 'CJSResolvesToESM')
  );
}

async function problemsOfTypes(contents: attw.Package): Promise<string[]> {
  const result = await attw.checkPackage(contents);
  if (!result.types) return ['attw: the package has no types.'];
  return result.problems
    .filter((problem) => !isExpected(problem))
    .map((problem) =>
      `attw: ${problem.kind} ${'entrypoint' in problem ? problem.entrypoint : ''} ${fileOf(problem)}`.trim(),
    );
}

function fileOf(problem: attw.Problem): string {
  if ('typesFileName' in problem) return problem.typesFileName;
  return 'fileName' in problem ? problem.fileName : '';
}
