import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folderFiles, startHub, type TestHub } from '@blip2/testing/hub';
import { transform } from 'esbuild';
import { compilerOptions } from '../packaging/use.js';
import { run } from '../run.js';
import { root } from '../workspace.js';
import { type Example, examplesOf } from './blocks.js';
import { repositories, writeFiles } from './files.js';

/** Of one README, at most so many examples may be marked as fragments. */
const FRAGMENTS = 2;
const LIMIT = 180_000;

/** Serves the repositories that READMEs name, from small models of the same architectures. */
export async function startLocalHub(): Promise<TestHub> {
  const hub = await startHub(new Map());
  for (const [name, folder] of Object.entries(repositories)) hub.repositories.set(name, await folderFiles(folder));
  return hub;
}

export interface ReadmeOptions {
  /** The address of the local hub. */
  readonly endpoint?: string;
  /** Called with what each example wrote. */
  readonly onOutput?: (line: number, output: string) => void;
}

/**
 * Runs the JavaScript and TypeScript examples of a README, one after the other, each as a module of its own, in a
 * project in which the packages are installed: JavaScript as it stands, TypeScript type-checked and then without its
 * types. Gives what failed.
 */
export async function runExamples(readme: string, project: string, options: ReadmeOptions = {}): Promise<string[]> {
  const examples = examplesOf(readFileSync(readme, 'utf8'));
  const fragments = examples.filter(({ fragment }) => fragment);
  const problems: string[] = [];
  if (fragments.length > FRAGMENTS) {
    problems.push(`${fragments.length} examples are fragments, more than ${FRAGMENTS}: write them so that they run.`);
  }
  if (examples.length === 0) return problems;
  const folder = join(project, 'examples');
  mkdirSync(folder, { recursive: true });
  try {
    if (examples.length > fragments.length) await writeFiles(folder);
    const types = await typeErrors(examples, folder);
    for (const example of examples) {
      const problem = types.get(example.line) ?? (await runExample(example, folder, options));
      if (problem) problems.push(`The example at line ${example.line} of the README fails: ${problem.trim()}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return problems;
}

/** The output of the first example of a README that is not a fragment; undefined where there is none. */
export async function runFirstExample(readme: string, project: string, endpoint: string): Promise<string | undefined> {
  const example = examplesOf(readFileSync(readme, 'utf8')).find(({ fragment }) => !fragment);
  if (!example) return undefined;
  const folder = join(project, 'examples');
  mkdirSync(folder, { recursive: true });
  await writeFiles(folder);
  let written = '';
  const onOutput = (_: number, output: string): void => {
    written = output;
  };
  return (await runExample(example, folder, { endpoint, onOutput })) ?? written;
}

async function runExample(example: Example, folder: string, options: ReadmeOptions): Promise<string | undefined> {
  const { language, fragment, line } = example;
  let code = example.code;
  if (language === 'ts' || fragment) {
    try {
      ({ code } = await transform(code, { loader: language, target: 'node20', format: 'esm' }));
    } catch (error) {
      return (error as Error).message;
    }
  }
  if (fragment) return undefined;
  const name = `line-${line}.run.mjs`;
  writeFileSync(join(folder, name), code);
  const env = {
    HF_HOME: join(folder, '.hub'),
    ...(options.endpoint && { HF_ENDPOINT: options.endpoint }),
  };
  const { code: status, output } = await run(process.execPath, [name], { cwd: folder, env, timeout: LIMIT });
  if (status !== 0) return output || `it ended with ${status} and wrote nothing (after ${LIMIT / 1000} s at most).`;
  options.onOutput?.(line, output);
  return undefined;
}

/** The errors of types by the line of their example; examples in JavaScript and fragments are not checked. */
async function typeErrors(examples: readonly Example[], folder: string): Promise<Map<number, string>> {
  const checked = examples.filter(({ language, fragment }) => language === 'ts' && !fragment);
  const problems = new Map<number, string>();
  if (checked.length === 0) return problems;
  for (const { line, code } of checked) writeFileSync(join(folder, `line-${line}.mts`), code);
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...compilerOptions, skipLibCheck: true }, include: ['*.mts'] }),
  );
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { code, output } = await run(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], { cwd: folder });
  if (code === 0) return problems;
  for (const { line } of checked) {
    const own = output.split('\n').filter((text) => text.startsWith(`line-${line}.mts(`));
    if (own.length > 0) problems.set(line, own.join('\n'));
  }
  if (problems.size === 0) problems.set((checked[0] as Example).line, output);
  return problems;
}
