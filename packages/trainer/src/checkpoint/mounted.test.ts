import '@blip2/testing';
import { listFolder, memoryFolder, mountFolder, readText, unmountFolder } from '@blip2/tensor/files';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { openMetrics } from '../metrics.js';
import { bits, collect, toyRun } from '../testing/toy.js';
import { train } from '../train.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

test('a run in a mounted folder, as in a page, resumes from its checkpoint bit for bit', async () => {
  const dir = mountFolder(memoryFolder(), { name: 'run' });
  const whole = toyRun({ steps: 5 });
  await collect(train(whole));
  await collect(train(toyRun({ steps: 3, checkpoint: { dir, every: 2 } })));
  expect((await listFolder(dir)).map(({ name }) => name).sort()).toEqual(['step-000002', 'step-000003']);
  const rest = toyRun({ steps: 5, resume: true, checkpoint: { dir, every: 2 } });
  expect(await collect(train(rest))).toHaveLength(2);
  expect(bits(rest.trainable)).toEqual(bits(whole.trainable));
  unmountFolder(dir);
});

test('metrics of a mounted folder are appended, and those after the last step are removed', async () => {
  const dir = mountFolder(memoryFolder(), { name: 'run' });
  const first = await openMetrics(`${dir}/metrics.jsonl`);
  for (const step of [1, 2, 3]) await first.append({ step });
  const second = await openMetrics(`${dir}/metrics.jsonl`, { lastStep: 2 });
  await second.append({ step: 3, again: true });
  expect(await readText(`${dir}/metrics.jsonl`)).toBe('{"step":1}\n{"step":2}\n{"step":3,"again":true}\n');
  unmountFolder(dir);
});
