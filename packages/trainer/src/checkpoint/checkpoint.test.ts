import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { pathToFileURL } from 'node:url';
import { dispose } from '@blip2/tensor';
import { expectNoLeak } from '@blip2/testing';
import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { adamw } from '../adamw.js';
import type { TrainOptions } from '../options.js';
import { constantLr } from '../schedules.js';
import { bits, collect, type ToyBatch, toyRun } from '../testing/toy.js';
import { train } from '../train.js';
import { type CheckpointFiles, nodeFiles } from './files.js';
import { latestCheckpoint, listCheckpoints } from './find.js';

let dir: string;
beforeAll(async () => {
  await tf.setBackend('cpu');
});
beforeEach(async () => {
  dir = await mkdtemp(`${tmpdir()}/trainer-`);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const run = (changes: Partial<TrainOptions<ToyBatch>> = {}) =>
  toyRun({ checkpoint: { dir, every: 2 }, environment: { threads: 2, module: 'simd' }, ...changes });

test('a resumed run gives the same bits as one that was not interrupted, and the same losses', async () => {
  const whole = toyRun({ steps: 9 });
  const steps = await collect(train(whole));
  await collect(train(run({ steps: 4 })));
  const rest = run({ steps: 9, resume: true });
  const after = await collect(train(rest));
  expect(bits(rest.trainable)).toEqual(bits(whole.trainable));
  expect(after.map(({ step, losses }) => [step, losses])).toEqual(
    steps.slice(4).map(({ step, losses }) => [step, losses]),
  );
});

test('a checkpoint comes every so many steps and after the last, and old ones go', async () => {
  await collect(train(run({ steps: 7, checkpoint: { dir, every: 3, keep: 2 } })));
  expect((await readdir(dir)).sort()).toEqual(['step-000006', 'step-000007']);
  expect(await readdir(`${dir}/step-000007`)).toEqual(['optimizer.safetensors', 'state.json', 'trainable.safetensors']);
});

test('resuming where nothing is begins anew; not resuming where something is stops', async () => {
  expect(await collect(train(run({ steps: 2, resume: true })))).toHaveLength(2);
  await expect(collect(train(run({ steps: 2 })))).rejects.toThrow("already has a checkpoint of step 2; set 'resume'");
  expect(await collect(train(run({ steps: 2, resume: true })))).toHaveLength(0);
});

test('a run with other settings or another tree is refused, with all differences at once', async () => {
  await collect(train(run({ steps: 2 })));
  const { 'first.bias': gone, temp, ...rest } = toyRun().trainable;
  const other = run({
    resume: true,
    seed: 6,
    accumulationSteps: 2,
    schedule: constantLr(1),
    optimizer: adamw({ weightDecay: 0.1 }),
    environment: { threads: 4, module: 'relaxed' },
    trainable: { ...rest, temp: tf.zeros([2]), extra: tf.zeros([1]) },
  });
  const { numTensors } = tf.memory();
  const error: unknown = await collect(train(other)).catch((error: unknown) => error);
  expect(error).toMatchObject({ name: 'CheckpointMismatch' });
  for (const part of [
    'seed was 5 and is 6',
    'accumulationSteps was 1 and is 2',
    'optimizer.weightDecay was 0.05 and is 0.1',
    'next learning rate was',
    'threads was 2 and is 4',
    'module was "simd" and is "relaxed"',
    'tensor temp is [], not [2]',
    'tensor extra is missing',
    'tensor first.bias is not in the model',
  ]) {
    expect((error as { differences: string[] }).differences.join('; ')).toContain(part);
  }
  expect(tf.memory().numTensors).toBe(numTensors);
  dispose(gone!);
  dispose(temp!);
});

test('a folder that is not whole is passed over, and rests are cleared away', async () => {
  await collect(train(run({ steps: 2 })));
  await mkdir(`${dir}/step-000009`);
  await writeFile(`${dir}/step-000009/state.json`, '{');
  await mkdir(`${dir}/.partial-step-000003`);
  expect((await latestCheckpoint(dir))?.step).toBe(2);
  await collect(train(run({ steps: 4, resume: true })));
  expect((await readdir(dir)).sort()).toEqual(['step-000002', 'step-000004', 'step-000009']);
});

test('a damaged checkpoint gives one sentence', async () => {
  await collect(train(run({ steps: 2 })));
  await writeFile(`${dir}/step-000002/state.json`, '{"format": 1');
  await expect(collect(train(run({ resume: true })))).rejects.toThrow('state.json is not readable JSON');
  await writeFile(`${dir}/step-000002/state.json`, '{"format": 1}');
  await expect(collect(train(run({ resume: true })))).rejects.toThrow('is not the state of step 2 in format 1');
});

test('a tensor file cut short is refused before the run changes anything', async () => {
  await collect(train(run({ steps: 2 })));
  await writeFile(`${dir}/step-000002/optimizer.safetensors`, new Uint8Array(20));
  const { trainable, ...rest } = run({ resume: true });
  const before = bits(trainable);
  await expect(collect(train({ ...rest, trainable }))).rejects.toThrow('optimizer.safetensors');
  expect(bits(trainable)).toEqual(before);
});

test('where the newest checkpoint is damaged, the step that can be resumed is named, and resumes', async () => {
  await collect(train(run({ steps: 6, checkpoint: { dir, every: 2, keep: 3 } })));
  const steps = (await listCheckpoints(dir)).map(({ step }) => step);
  expect(steps).toEqual([2, 4, 6]);
  const cut = async (step: number, file: string, bytes: number): Promise<void> => {
    const path = `${dir}/step-00000${step}/${file}`;
    await writeFile(path, (await readFile(path)).subarray(0, bytes));
  };
  const resumed = run({ steps: 8, resume: true });
  const { numTensors } = tf.memory();
  for (const [file, bytes] of [
    ['trainable.safetensors', 100],
    ['optimizer.safetensors', 0],
    ['state.json', 3],
  ] as const) {
    const whole = await readFile(`${dir}/step-000006/${file}`);
    await cut(6, file, bytes);
    await expect(collect(train(resumed))).rejects.toThrow(
      `step 6 cannot be read, but that of step 4 is complete; remove ${dir}/step-000006 to resume from step 4. (`,
    );
    await expect(collect(train(resumed))).rejects.toThrow(file);
    await writeFile(`${dir}/step-000006/${file}`, whole);
  }
  await cut(6, 'trainable.safetensors', 100);
  await cut(4, 'trainable.safetensors', 100);
  await expect(collect(train(resumed))).rejects.toThrow('that of step 2 is complete');
  expect(tf.memory().numTensors).toBe(numTensors);
  for (const step of [4, 6]) await rm(`${dir}/step-00000${step}`, { recursive: true });
  expect((await collect(train(resumed))).at(-1)?.step).toBe(8);
});

const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });

/** A disk on which one kind of call fails from its nth time on. */
function failing(call: 'writeTensors' | 'writeText' | 'sync' | 'rename' | 'makeFolder', from: number): CheckpointFiles {
  let calls = 0;
  const broken = async (...args: [never, never]): Promise<void> => {
    if (++calls >= from) {
      if (call === 'writeText') await nodeFiles.writeText(args[0], 'ha');
      throw full;
    }
    await (nodeFiles[call] as (...args: [never, never]) => Promise<void>)(...args);
  };
  return { ...nodeFiles, [call]: broken };
}

test.each([
  ['makeFolder', 4],
  ['makeFolder', 5],
  ['writeTensors', 3],
  ['writeTensors', 4],
  ['writeText', 2],
  ['sync', 6],
  ['rename', 2],
] as const)('a disk that is full at %s %i says so, and the checkpoint before remains', async (call, from) => {
  const broken = run({ steps: 6, checkpoint: { dir, every: 2, files: failing(call, from) } });
  await expect(collect(train(broken))).rejects.toThrow(
    `The checkpoint of step 4 could not be written to ${dir}: the disk is full; the checkpoint of step 2 is kept. Fix`,
  );
  expect(await readdir(dir)).toEqual(['step-000002']);
  const resumed = run({ steps: 6, resume: true });
  await collect(train(resumed));
  const whole = toyRun({ steps: 6 });
  await collect(train(whole));
  expect(bits(resumed.trainable)).toEqual(bits(whole.trainable));
  expect(await listCheckpoints(dir)).toHaveLength(2);
});

test('a run without and with resume leaves nothing but its trainable tensors', async () => {
  const first = run({ steps: 2 });
  const second = run({ steps: 4, resume: true });
  await expectNoLeak(() => collect(train(first)));
  await expectNoLeak(() => collect(train(second)));
});

test('a folder that cannot be made says why before the first step', async () => {
  await writeFile(`${dir}/file`, '');
  const blocked = run({ checkpoint: { dir: `${dir}/file/inside`, every: 2 } });
  await expect(collect(train(blocked))).rejects.toThrow(
    `${dir}/file/inside cannot be used: a file is where a folder should be.`,
  );
});

test('the folder may be a file: URL', async () => {
  const url = pathToFileURL(`${dir}/a b`);
  await collect(train(run({ steps: 2, checkpoint: { dir: url, every: 1 } })));
  expect((await listCheckpoints(url)).map(({ step }) => step)).toEqual([1, 2]);
  expect((await latestCheckpoint(`${dir}/a b`))?.step).toBe(2);
  const resumed = run({ steps: 3, resume: true, checkpoint: { dir: url, every: 1 } });
  expect((await collect(train(resumed))).map(({ step }) => step)).toEqual([3]);
  await expect(latestCheckpoint(new URL('https://example.com/run'))).rejects.toThrow('is not a file: URL');
});
