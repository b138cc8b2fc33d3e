import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { checkWorkflows } from './workflows.js';

test('a mistake in a workflow is found with its place', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'blip2-workflows-'));
  try {
    const steps = '    runs-on: ubuntu-latest\n    steps:\n      - run: echo $' + '{{ matrix.node }}\n';
    writeFileSync(join(folder, 'bad.yml'), `on: push\njobs:\n  one:\n${steps}`);
    expect(await checkWorkflows(folder)).toEqual([expect.stringMatching(/^bad\.yml:6:\d+ .*"node"/)]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
