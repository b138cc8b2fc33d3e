import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fixture, inFolder } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import type { RunConfig } from '../../config/schema.js';
import type { ObservedStep } from '../observer.js';
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
