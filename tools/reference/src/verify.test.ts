import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSafetensors, writeSafetensors } from '@blip2/tensor/safetensors';
import { expectNoLeak, fixture } from '@blip2/testing';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useBackend } from './backend.js';
import { type Report, verifyFolder } from './verify.js';

beforeAll(() => useBackend('cpu'));

const made: string[] = [];
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true });
});

/** A copy of a fixture in which some tensors of a file are changed. */
async function corrupted(name: string, file: string, change: (name: string, values: Float32Array) => void) {
  const folder = mkdtempSync(join(tmpdir(), 'blip2-verify-'));
  made.push(folder);
  cpSync(fixture(name), folder, { recursive: true, filter: (path) => !path.endsWith(file) });
  const source = await openSafetensors(join(fixture(name), file));
  const entries = [];
  for (const [name, { shape, dtype }] of source.names) {
    const values = await source.read(name);
    change(name, values);
    const whole = dtype === 'I32';
    entries.push({
      name,
      shape,
      dtype: whole ? 'I32' : 'F32',
      data: whole ? Int32Array.from(values) : values,
    } as const);
  }
  await source.close();
  await writeSafetensors(join(folder, file), entries);
  return folder;
}

const failures = (report: Report): string[] =>
  report.rows.flatMap(({ name, status }) => (status === 'fail' ? [name] : []));

test.each([
  ['encoders/clip', 'encoder', 5],
  ['encoders/siglip', 'encoder', 5],
  ['encoders/dinov2', 'encoder', 5],
  ['encoders/vit', 'encoder', 5],
  ['hf-opt', 'opt', 96],
  ['hf-llama', 'llama', 96],
  ...['dynamic', 'linear', 'llama3', 'mistral', 'opt-350m', 'qwen2', 'yarn'].map(
    (name) => [`languages/${name}`, 'language', 10] as const,
  ),
  ['gguf/language', 'language', 10],
  ['hf-t5', 't5', 96],
  ['hf-itm', 'itm', 10],
  ['hf-instruct', 'instruct', 105],
])(
  '%s is that of the reference',
  async (name, kind, passed) => {
    await expectNoLeak(async () => {
      const report = await verifyFolder(fixture(name), { photos: fixture('photos') });
      expect(failures(report)).toEqual([]);
      expect(report).toMatchObject({ kind, passed, failed: 0, skipped: 0 });
    });
  },
  180_000,
);

const options = { photos: fixture('photos') };

test('a golden value that is off by more than the tolerance fails, and it alone', async () => {
  const folder = await corrupted('hf-itm', 'golden.safetensors', (name, values) => {
    if (name === 'text_embeds') values[3] = (values[3] as number) + 2e-4;
  });
  const report = await verifyFolder(folder, options);
  expect(failures(report)).toEqual(['text_embeds']);
  expect(report.rows.find(({ name }) => name === 'text_embeds')?.absolute).toBeCloseTo(2e-4, 5);
});

test('one weight that is wrong fails in all that comes after it', async () => {
  const folder = await corrupted('encoders/vit', 'model.safetensors', (name, values) => {
    if (name === 'encoder.layer.1.output.dense.bias') values[0] = (values[0] as number) + 0.01;
  });
  expect(failures(await verifyFolder(folder))).toEqual(['hidden_states.2', 'hidden_states.3', 'last_hidden_state']);
});

test('what is not a number never passes', async () => {
  const folder = await corrupted('encoders/clip', 'golden.safetensors', (name, values) => {
    if (name === 'hidden_states.1') values[0] = Number.NaN;
  });
  expect(failures(await verifyFolder(folder))).toEqual(['hidden_states.1']);
});

test('a golden tensor that nothing is known of is shown as not compared', async () => {
  const folder = await corrupted('encoders/clip', 'golden.safetensors', () => {});
  const extra = { name: 'pooler_output', shape: [1], dtype: 'F32', data: new Float32Array(1) } as const;
  const source = await openSafetensors(join(folder, 'golden.safetensors'));
  const entries = [...source.names].map(
    ([name, { shape }]) => ({ name, shape, dtype: 'F32', data: () => source.read(name) }) as const,
  );
  await writeSafetensors(join(folder, 'golden.safetensors'), [...entries, extra]);
  await source.close();
  expect(await verifyFolder(folder)).toMatchObject({ passed: 5, failed: 0, skipped: 1 });
});

test('what is missing or does not fit is a failed row that says so', async () => {
  const before = tf.memory().numTensors;
  const missing = await verifyFolder(fixture('hf-itm'), { photos: '/nowhere' });
  expect(failures(missing)).toEqual(['pixel_values']);
  const none = await verifyFolder(fixture('photos'));
  expect(none).toMatchObject({ failed: 1, rows: [{ note: expect.stringContaining('There is no') }] });
  expect(tf.memory().numTensors).toBe(before);
});
