import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import '@blip2/testing';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { bits, collect, toyRun } from '../testing/toy.js';
import { train } from '../train.js';

const dir = mkdtempSync(`${tmpdir()}/full-`);
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32k', 'tmpfs', dir]).status === 0;

beforeAll(async () => {
  await tf.setBackend('cpu');
});
afterAll(() => {
  if (mounted) spawnSync('umount', [dir]);
  rmSync(dir, { recursive: true });
});

// Mounting takes a privileged user on Linux; `checkpoint.test.ts` injects the same errors everywhere.
(mounted ? test : test.skip)('a disk that is really full says so, and a resume goes on from what remains', async () => {
  const run = (keep: number, resume = false) => toyRun({ steps: 8, resume, checkpoint: { dir, every: 2, keep } });
  await expect(collect(train(run(3)))).rejects.toThrow(
    `The checkpoint of step 6 could not be written to ${dir}: the disk is full; the checkpoint of step 4 is kept.`,
  );
  expect(await readdir(dir)).toEqual(['step-000002', 'step-000004']);
  rmSync(`${dir}/step-000002`, { recursive: true });
  const resumed = run(1, true);
  await collect(train(resumed));
  const whole = toyRun({ steps: 8 });
  await collect(train(whole));
  expect(bits(resumed.trainable)).toEqual(bits(whole.trainable));
});
