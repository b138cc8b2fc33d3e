import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { dequantize } from '../quantized/dequantize.js';
import { type QuantizedFormat, type QuantizedValues, quantizedFormats } from '../quantized/formats.js';
import { quantize } from '../quantized/quantize.js';
import { gaussian, rng } from '../random.js';
import { openSafetensors, packedTensor, type TensorEntry, writeShardedSafetensors } from './index.js';
import type { TensorData } from './layout.js';
import { encodeSafetensors } from './write.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'packed-'));
});
afterEach(() => rm(folder, { recursive: true }));

const shape = [3, 256] as const;
const values = Float32Array.from({ length: 768 }, () => gaussian(rng(1)));
const packed = Object.fromEntries(
  quantizedFormats.map((format) => [format, quantize(values, shape, format)]),
) as Record<QuantizedFormat, QuantizedValues>;
const entries: TensorEntry<TensorData>[] = [
  { name: 'bias', shape: [2], dtype: 'F32', data: Float32Array.of(1, 2) },
  ...quantizedFormats.map((format) => ({ name: `${format}.weight`, ...packedTensor(packed[format]) })),
];

test.each(['bytes', 'shards'])('packed matrices are read as they were written, from %s', async (how) => {
  if (how === 'shards') await writeShardedSafetensors(folder, entries, { maxShardBytes: 1000 });
  const source = await openSafetensors(how === 'shards' ? folder : encodeSafetensors(entries));
  for (const format of quantizedFormats) {
    const { bytes, scales } = packed[format];
    const name = `${format}.weight`;
    expect(source.names.get(name)).toMatchObject({ dtype: format, packed: format, shape: [3, 256] });
    expect(await source.read(name)).toEqual(dequantize(packed[format]));
    const target = new Float32Array(768);
    expect(await source.read(name, target)).toBe(target);
    expect(target).toEqual(dequantize(packed[format]));
    const stored = (await source.quantized(name))!;
    expect(stored).toMatchObject({ format, shape: [3, 256] });
    const part = new Uint8Array(bytes.length - 7);
    await stored.read(part, 7);
    expect(part).toEqual(bytes.subarray(7));
    expect(await stored.scales?.()).toEqual(scales);
    const raw = await source.readRaw(name);
    expect(raw).toMatchObject({ dtype: format, packed: format, shape: [3, 256] });
    expect(raw.bytes).toEqual(packedTensor(packed[format]).data);
  }
  expect(await source.read('bias')).toEqual(Float32Array.of(1, 2));
  expect(await source.quantized('bias')).toBeUndefined();
  await source.close();
});

test('blocks are a vector of bytes for other readers, and half precision a plain tensor', () => {
  const file = encodeSafetensors(entries);
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)));
  expect(header['Q4_0.weight']).toMatchObject({ dtype: 'U8', shape: [3 * 8 * 18] });
  expect(header['I8.weight']).toMatchObject({ dtype: 'U8', shape: [3 * 256 + 3 * 4] });
  expect(header['F16.weight']).toMatchObject({ dtype: 'F16', shape: [3, 256] });
  expect(header.__metadata__).toMatchObject({
    'packed:Q4_0.weight': 'Q4_0 [3,256]',
    'packed:F16.weight': 'F16 [3,256]',
  });
});

/** A file with one tensor and what its metadata say. */
function file(dtype: 'U8' | 'F16', [tensor, metadata]: readonly [number[], Record<string, string>]) {
  const size = tensor.reduce((a, b) => a * b, 1);
  const data = dtype === 'U8' ? new Uint8Array(size) : new Float32Array(size);
  return encodeSafetensors([{ name: 'w', shape: tensor, dtype, data }], { metadata });
}

test.each([
  [[18], 'Q4_0 [1,33]', 'rows of 33 values are not whole blocks of 32, as Q4_0 needs'],
  [[18], 'Q4_0 [2,32]', 'Q4_0 [2,32] is stored as a vector of 36 bytes, not as U8 [18]'],
  [[2, 9], 'Q4_0 [1,32]', 'Q4_0 [1,32] is stored as a vector of 18 bytes, not as U8 [2,9]'],
  [[32], 'I8 [1,32]', 'I8 [1,32] is stored as a vector of 36 bytes, not as U8 [32]'],
  [[18], 'Q5_0 [1,32]', 'the packing "Q5_0 [1,32]" is not known'],
  [[18], '__proto__ [1,32]', 'the packing "__proto__ [1,32]" is not known'],
  [[18], 'Q4_0 [1]', 'the packing "Q4_0 [1]" is not known'],
  [[18], 'Q4_0 [999999999999999,999999999999968]', 'is stored as a vector of'],
  [[18], 'F16 [3,3]', 'F16 [3,3] is stored as a tensor F16 [3,3], not as U8 [18]'],
])('a vector %j that is said to be %s is refused', async (tensor, text, message) => {
  await expect(openSafetensors(file('U8', [tensor, { 'packed:w': text }]))).rejects.toThrow(message);
});

test('half precision of another shape, and packings of what is not there, are refused', async () => {
  await expect(openSafetensors(file('F16', [[2, 3], { 'packed:w': 'F16 [3,2]' }]))).rejects.toThrow(
    'F16 [3,2] is stored as a tensor F16 [3,2], not as F16 [2,3]',
  );
  await expect(openSafetensors(file('F16', [[2, 3], { 'packed:v': 'F16 [2,3]' }]))).rejects.toThrow(
    'the metadata say how "v" is packed, which is not there',
  );
});

test('a 1x1 convolution is a matrix of another shape', async () => {
  const source = await openSafetensors(
    encodeSafetensors([{ name: 'w', ...packedTensor(packed.I8), shape: [3, 256, 1, 1] }]),
  );
  expect(source.names.get('w')).toMatchObject({ packed: 'I8', shape: [3, 256, 1, 1] });
  expect(await source.quantized('w')).toMatchObject({ format: 'I8', shape: [3, 256] });
  expect(await source.read('w')).toEqual(dequantize(packed.I8));
});

test('entries that do not fit their format cannot be written', () => {
  const good = packedTensor(packed.Q4_0);
  const write = (change: object) => () => encodeSafetensors([{ name: 'w', ...good, ...change }]);
  expect(write({ data: good.data.subarray(1) })).toThrow('takes 432 bytes, not 431');
  expect(write({ data: values })).toThrow('Q4_0 takes a Uint8Array, not a Float32Array');
  expect(write({ shape: [3, 255] })).toThrow('[3,255] as Q4_0 is no matrix of whole blocks of Q4_0');
  expect(write({ shape: [768] })).toThrow('[768] as Q4_0 is no matrix of whole blocks of Q4_0');
  expect(write({ shape: [3, 4, 4, 4, 4] })).toThrow('[3,4,4,4,4] as Q4_0 is no matrix of whole blocks of Q4_0');
  expect(write({ packed: undefined })).toThrow('Q4_0 is for packed matrices');
});
