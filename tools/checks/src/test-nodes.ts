import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { total } from './report.js';
import { inParallel, run } from './run.js';
import { countsOf, failuresOf, type JestResults } from './test-counts.js';
import { publishedPackages, root } from './workspace.js';

/** The packages that depend most on the engine, and which of their tests are too slow to repeat on every Node. */
const suites: Readonly<Record<string, readonly string[]>> = {
  'backend-simd': ['kernels/elementwise', 'kernels/move', 'kernels/reduce'],
  attention: [],
  tensor: [],
  trainer: ['resume.test', 'full-disk'],
};

/** Runs the tests of one package under one Node, from the sources and the kernels that are built. */
async function testUnder(node: string, name: string): Promise<{ passed: number; failed: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'blip2-nodes-'));
  const file = join(folder, 'jest.json');
  try {
    const jest = ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--runInBand'];
    const ignored = (suites[name] as readonly string[]).map((path) => `--testPathIgnorePatterns=${path}`);
    const args = [...jest, '--json', `--outputFile=${file}`, ...ignored];
    const { code, output } = await run(node, args, { cwd: join(root, 'packages', name) });
    const results = code > 1 ? undefined : readResults(file);
    const { passed, failed, note } = countsOf(results);
    const { output: version } = await run(node, ['--version'], { cwd: root });
    if (failed > 0) console.log(output);
    for (const failure of failuresOf(results)) console.log(`FAIL ${version.trim()} ${name} ${failure}`);
    console.log(`${version.trim()} ${name.padEnd(16)} ${total(passed, failed)}${note}`);
    return { passed, failed };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const requireAll = `
  const { createRequire } = require('node:module');
  for (const [name, folder] of JSON.parse(process.argv[1])) {
    try {
      const names = Object.keys(createRequire(folder + '/package.json')(name));
      if (names.length === 0) throw new Error('it exports nothing');
    } catch (error) {
      console.log('require(' + JSON.stringify(name) + ') fails: ' + error.message);
    }
  }`;

/** Loads every built package by `require`, under a Node that supports it for ES modules (from 22.12 on). */
async function requireUnder(node: string): Promise<{ passed: number; failed: number }> {
  const packages = publishedPackages().map(({ manifest: { name }, folder }) => [name, folder]);
  const { code, output } = await run(node, ['-e', requireAll, JSON.stringify(packages)], { cwd: root });
  const { output: version } = await run(node, ['--version'], { cwd: root });
  const problems = output.split('\n').filter((line) => line.startsWith('require('));
  const failed = code === 0 ? problems.length : packages.length;
  if (failed > 0) console.log(output);
  console.log(`${version.trim()} ${'require'.padEnd(16)} ${total(packages.length - failed, failed)}`);
  return { passed: packages.length - failed, failed };
}

function readResults(file: string): JestResults | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as JestResults;
  } catch {
    return undefined; // jest did not come so far
  }
}

const nodes = process.argv.slice(2);
if (nodes.length === 0) throw new Error('Which Node shall run the tests? Give the path of one or more.');
const pairs = nodes.flatMap((node) => Object.keys(suites).map((name) => [node, name] as const));
const counts = await inParallel(pairs, 2, ([node, name]) => testUnder(node, name));
for (const node of nodes) counts.push(await requireUnder(node));
const sum = (key: 'passed' | 'failed'): number => counts.reduce((total, count) => total + count[key], 0);
console.log(total(sum('passed'), sum('failed')));
process.exitCode = sum('failed') > 0 ? 1 : 0;
