import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fixture, inFolder } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import type { RunConfig } from '../../config/schema.js';
import { METRICS } from '../../metrics.js';
import { joinObservers, type ObservedStep } from '../observer.js';
import { crc32c, masked } from './crc32c.js';
import { eventRecord } from './event.js';
import { TENSORBOARD, tensorBoard } from './observer.js';

test('checksums of RFC 3720', () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
});

test('events are those that TensorBoard writes, byte for byte', async () => {
  const { records } = JSON.parse(await readFile(fixture('tensorboard/events.json'), 'utf8')) as {
    records: { event: Parameters<typeof eventRecord>[0]; hex: string }[];
  };
  expect(records.length).toBe(5);
  for (const { event, hex } of records) expect(Buffer.from(eventRecord(event)).toString('hex')).toBe(hex);
});

const config = { stage1: { steps: 3 } } as RunConfig;
const step = (stage: 1 | 2, number: number): ObservedStep => ({
  ...{ stage, step: number, losses: { total: 2.5 / number, itc: 1 }, lr: 0.001, gradNorm: 2, seconds: 0.5, images: 32 },
});

/** The scalars of a folder's event files as TensorBoard shows them: a session's start drops what is at its step or later. */
async function scalars(folder: string): Promise<[step: number, tag: string, value: number][]> {
  let shown: [number, string, number][] = [];
  for (const name of (await readdir(folder)).sort()) {
    const file = await readFile(join(folder, name));
    for (let at = 0; at < file.length; ) {
      const length = Number(file.readBigUInt64LE(at));
      expect(file.readUInt32LE(at + 8)).toBe(masked(crc32c(file.subarray(at, at + 8))));
      const data = file.subarray(at + 12, at + 12 + length);
      expect(file.readUInt32LE(at + 12 + length)).toBe(masked(crc32c(data)));
      const event = parse(data);
      const number = Number(event.get(2)?.[0] ?? 0);
      if (event.has(7)) shown = shown.filter(([one]) => one < number);
      for (const value of parse(bytesOf(event.get(5))).get(1) ?? []) {
        const fields = parse(value as Buffer);
        shown.push([number, String(fields.get(1)![0]), (fields.get(2)![0] as Buffer).readFloatLE()]);
      }
      at += 16 + length;
    }
  }
  return shown;
}

const bytesOf = (values: (bigint | Buffer)[] = []): Buffer => (values[0] as Buffer | undefined) ?? Buffer.alloc(0);

/** The fields of a protocol buffer by their numbers. */
function parse(data: Buffer): Map<number, (bigint | Buffer)[]> {
  const fields = new Map<number, (bigint | Buffer)[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = data[at++] as number;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < data.length) {
    const key = Number(varint());
    const type = key & 7;
    const length = type === 1 ? 8 : type === 5 ? 4 : Number(varint());
    const value = type === 0 ? BigInt(length) : data.subarray(at, at + length);
    if (type !== 0) at += length;
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value]);
  }
  return fields;
}

test('a resumed run begins another file, and steps that are trained again are shown once', async () => {
  await inFolder(async (out) => {
    let time = 1_764_400_000;
    const run = async (steps: readonly ObservedStep[]): Promise<void> => {
      const logged = steps.map((one) => JSON.stringify({ ...one, step: one.step + (one.stage - 1) * 3 }));
      await writeFile(join(out, METRICS), `${logged.join('\n')}\n`);
      const observers = joinObservers([tensorBoard({ now: () => time++ })], { out, config });
      for (const one of steps) await observers.step(one);
      await observers.scores(steps.at(-1)!, { 'recall@1': 0.25 });
      await observers.close();
    };
    await run([step(1, 1), step(1, 2), step(1, 3), step(2, 1)]);
    time -= 20; // a clock that goes back
    await run([step(2, 1), step(2, 2)]);
    const folder = join(out, TENSORBOARD);
    expect(await readdir(folder)).toHaveLength(2);
    const shown = await scalars(folder);
    const of = (tag: string) => shown.flatMap(([at, name, value]) => (name === tag ? [[at, value]] : []));
    expect(of('stage1/loss/total')).toEqual([1, 2, 3].map((at) => [at, Math.fround(2.5 / at)]));
    expect(of('stage2/loss/total')).toEqual([
      [4, 2.5],
      [5, 1.25],
    ]);
    expect(of('stage2/images_per_second')).toEqual([
      [4, 64],
      [5, 64],
    ]);
    expect(of('stage2/validation/recall@1')).toEqual([[5, 0.25]]);
    const tags = ['loss/total', 'loss/itc', 'learning_rate', 'gradient_norm', 'images_per_second'];
    expect(new Set(shown.map(([, tag]) => tag).filter((tag) => tag.startsWith('stage1/')))).toEqual(
      new Set(tags.map((tag) => `stage1/${tag}`)),
    );
  });
});
