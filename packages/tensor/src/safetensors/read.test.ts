import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fixture } from '@blip2/testing';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { memorySource } from './bytes.js';
import { SafetensorsError } from './errors.js';
import { openSafetensors } from './open.js';
import { encodeSafetensors } from './write.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetensors-'));
});
afterAll(() => rm(folder, { recursive: true }));

function single(dtype: string, count: number, data: ArrayBufferView): Uint8Array {
  const header = new TextEncoder().encode(
    `{"w":{"dtype":"${dtype}","shape":[${count}],"data_offsets":[0,${data.byteLength}]}}`,
  );
  const bytes = new Uint8Array(8 + header.length + data.byteLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 8 + header.length);
  return bytes;
}

test.each<[string, ArrayBufferView, number[]]>([
  ['F64', Float64Array.of(0.1, -1e300, 2), [Math.fround(0.1), -Infinity, 2]],
  ['F32', Float32Array.of(1.5, -0, Number.NaN, Infinity, 1e-45), [1.5, -0, Number.NaN, Infinity, Math.fround(1e-45)]],
  ['F16', Uint16Array.of(0x3c00, 0x0001, 0xfc00), [1, 2 ** -24, -Infinity]],
  ['BF16', Uint16Array.of(0x3f80, 0x0001, 0xff80), [1, 2 ** -133, -Infinity]],
  ['I64', BigInt64Array.of(-1n, 5n, -(2n ** 63n), 2n ** 40n + 2n ** 20n), [-1, 5, -(2 ** 63), 2 ** 40 + 2 ** 20]],
  ['U64', BigUint64Array.of(2n ** 63n, 5n), [2 ** 63, 5]],
  ['I32', Int32Array.of(-7, 16777217), [-7, 16777216]],
  ['U32', Uint32Array.of(4294967295), [4294967296]],
  ['I16', Int16Array.of(-32768, 3), [-32768, 3]],
  ['U16', Uint16Array.of(65535), [65535]],
  ['I8', Int8Array.of(-128, 3), [-128, 3]],
  ['U8', Uint8Array.of(255, 3), [255, 3]],
  ['BOOL', Uint8Array.of(1, 0), [1, 0]],
])('%s is widened to float32, whatever the alignment', async (dtype, data, values) => {
  const bytes = single(dtype, values.length, data);
  const source = await openSafetensors(bytes);
  expect([...(await source.read('w'))]).toEqual(values);
  const target = new Float32Array(new SharedArrayBuffer(4 * values.length + 8), 8);
  expect(await source.read('w', target)).toBe(target);
  expect([...target]).toEqual(values);
  const raw = await source.readRaw('w');
  expect(raw).toMatchObject({ dtype, shape: [values.length] });
  expect([...raw.bytes]).toEqual([...new Uint8Array(data.buffer)]);
  const whole = memorySource(bytes);
  const shifted = {
    ...whole,
    read: async (at: number, length: number) => Uint8Array.from([0, ...(await whole.read(at, length))]).subarray(1),
  };
  expect([...(await (await openSafetensors(shifted)).read('w'))]).toEqual(values);
});

test('8-bit floats can be read raw only', async () => {
  const source = await openSafetensors(single('F8_E4M3', 2, Uint8Array.of(1, 2)));
  expect([...(await source.readRaw('w')).bytes]).toEqual([1, 2]);
  await expect(source.read('w')).rejects.toThrow(/F8_E4M3 of tensor "w" has no conversion to float32; use readRaw/);
});

test('a tensor larger than one chunk is converted whole', async () => {
  const count = 5 * 2 ** 20 + 3;
  const halves = new Uint16Array(count).fill(0x3c00);
  halves[count - 1] = 0xc000;
  halves[4 * 2 ** 20] = 0x4000;
  const values = await (await openSafetensors(single('F16', count, halves))).read('w');
  expect([values.length, values[0], values[4 * 2 ** 20], values[count - 2], values[count - 1]]).toEqual([
    count,
    1,
    2,
    1,
    -2,
  ]);
});

const bytes = encodeSafetensors([{ name: 'w', dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) }]);

test('path, URL, folder, bytes, buffer, Blob and files by name give the same', async () => {
  const path = join(folder, 'model.safetensors');
  await writeFile(path, bytes);
  const files = new Map([['model.safetensors', new Blob([Uint8Array.from(bytes)])]]);
  const buffer = Uint8Array.from(bytes).buffer;
  for (const given of [
    path,
    pathToFileURL(path),
    folder,
    bytes,
    Buffer.from(bytes),
    buffer,
    new Blob([buffer]),
    files,
  ]) {
    const source = await openSafetensors(given);
    expect([...(await source.read('w'))]).toEqual([1, 2]);
    await source.close();
    await source.close();
    await expect(source.read('w')).rejects.toThrow(/closed/);
  }
});

test('what was read belongs to the caller', async () => {
  const given = Buffer.from(bytes);
  const source = await openSafetensors(given);
  (await source.read('w')).fill(9);
  (await source.readRaw('w')).bytes.fill(9);
  expect([...(await source.read('w'))]).toEqual([1, 2]);
});

test('paths that are no model are refused', async () => {
  await expect(openSafetensors(join(folder, 'none'))).rejects.toThrow(
    /none: it cannot be opened: there is no such file/,
  );
  await expect(openSafetensors('/dev/zero')).rejects.toThrow(/not a regular file/);
  await expect(openSafetensors('')).rejects.toThrow(SafetensorsError);
  await expect(openSafetensors('a\0b')).rejects.toThrow(SafetensorsError);
});

test('a file that is cut while open is refused at the read', async () => {
  const path = join(folder, 'cut.safetensors');
  await writeFile(path, bytes);
  const source = await openSafetensors(path);
  await truncate(path, bytes.length - 3);
  await expect(source.read('w')).rejects.toThrow(/only 5 of 8 bytes/);
  await source.close();
});

test('a failing or short source of bytes ends in one clear error, and is closed', async () => {
  let closed = 0;
  const close = async () => {
    closed++;
  };
  const broken = async () => {
    throw Object.assign(new Error('EIO'), { code: 'EIO' });
  };
  await expect(openSafetensors({ size: 100, read: broken, close }, { name: 'usb' })).rejects.toThrow(
    /usb: .*disk reports/,
  );
  await expect(openSafetensors({ size: 100, read: async () => new Uint8Array(3), close })).rejects.toThrow(
    /only 3 of 8/,
  );
  expect(closed).toBe(2);
});

test.each(['stage1', 'hf-opt', 'hf-itm', 'encoders/clip', 'photos'])(
  'fixture %s: every tensor is readable',
  async (name) => {
    const file = { stage1: 'golden.safetensors', photos: 'resized.safetensors' }[name] ?? '';
    const source = await openSafetensors(join(fixture(name), file));
    expect(source.names.size).toBeGreaterThan(0);
    for (const [tensor, { shape }] of source.names) {
      const values = await source.read(tensor);
      expect(values.length).toBe(shape.reduce((a, b) => a * b, 1));
      expect(values.every(Number.isFinite)).toBe(true);
    }
    await source.close();
  },
);
