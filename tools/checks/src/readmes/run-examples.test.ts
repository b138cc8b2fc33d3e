import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, jest, test } from '@jest/globals';
import { runExamples } from './run-examples.js';

jest.setTimeout(120_000);

const js = (code: string, mark = ''): string => `\`\`\`js${mark}\n${code}\n\`\`\`\n`;
const ts = (code: string): string => js(code).replace('js', 'ts');

/** What fails in a README of these blocks, in a project without packages. */
async function problemsOf(...blocks: string[]): Promise<string[]> {
  const project = mkdtempSync(join(tmpdir(), 'blip2-readme-'));
  try {
    writeFileSync(join(project, 'README.md'), `# sample\n${blocks.join('')}`);
    return await runExamples(join(project, 'README.md'), project);
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

test('examples run one after the other, in a folder with images and models', async () => {
  const write = `import { writeFileSync } from 'node:fs';\nwriteFileSync('one.txt', '1');`;
  const read = `import { readFileSync } from 'node:fs';
for (const path of ['one.txt', 'cat.jpg', 'images/19.png', 'models/clip/config.json']) readFileSync(path);`;
  expect(await problemsOf(js(write), js(read))).toEqual([]);
});

test('an example that throws fails with its line', async () => {
  expect(await problemsOf(js('1 + 1;'), js(`throw new Error('no');`))).toEqual([
    expect.stringMatching(/^The example at line 5 .*no/s),
  ]);
});

test('fragments have to parse, are not run, and are few', async () => {
  expect(await problemsOf(js('absent();', ' fragment'))).toEqual([]);
  expect(await problemsOf(js('absent(;', ' fragment'))).toEqual([expect.stringContaining('line 2')]);
  expect(await problemsOf(...Array.from({ length: 3 }, () => js('absent();', ' fragment')))).toEqual([
    expect.stringContaining('3 examples are fragments'),
  ]);
});

test('TypeScript that does not check fails, before it runs', async () => {
  const problems = await problemsOf(ts('const one: number = "1";'));
  expect(problems).toEqual([expect.stringMatching(/^The example at line 2 .*error TS/s)]);
});
