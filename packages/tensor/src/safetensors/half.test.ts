import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './half.js';

const FLOAT16: [bits: number, value: number][] = [
  [0x0000, 0],
  [0x8000, -0],
  [0x0001, 2 ** -24],
  [0x0200, 2 ** -15],
  [0x03ff, (1023 / 1024) * 2 ** -14],
  [0x0400, 2 ** -14],
  [0x3555, 0.333251953125],
  [0x3c00, 1],
  [0x3c01, 1 + 2 ** -10],
  [0xc000, -2],
  [0x4248, 3.140625],
  [0x7bff, 65504],
  [0x7c00, Infinity],
  [0xfc00, -Infinity],
  [0x7e00, Number.NaN],
];

const BFLOAT16: [bits: number, value: number][] = [
  [0x0000, 0],
  [0x8000, -0],
  [0x0001, 2 ** -133],
  [0x0080, 2 ** -126],
  [0x3f80, 1],
  [0x3f81, 1 + 2 ** -7],
  [0x4049, 3.140625],
  [0xc000, -2],
  [0x7f7f, 255 * 2 ** 120],
  [0x7f80, Infinity],
  [0xff80, -Infinity],
  [0x7fc0, Number.NaN],
];

const ALL = Uint16Array.from({ length: 65536 }, (_, i) => i);

function widen(convert: (halves: Uint16Array, out: Float32Array) => void, halves: ArrayLike<number>): Float32Array {
  const out = new Float32Array(halves.length);
  convert(Uint16Array.from(halves), out);
  return out;
}

test.each([
  ['F16', FLOAT16, float16ToFloat32, float32ToFloat16],
  ['BF16', BFLOAT16, bfloat16ToFloat32, float32ToBfloat16],
] as const)('%s agrees with known values both ways', (_, table, toFloat, fromFloat) => {
  const bits = table.map(([b]) => b);
  const values = table.map(([, v]) => v);
  expect([...widen(toFloat, bits)]).toEqual(values);
  expect([...fromFloat(Float32Array.from(values))]).toEqual(bits);
});

test.each([
  ['F16', float16ToFloat32, float32ToFloat16, 0x0200, 0x7c00],
  ['BF16', bfloat16ToFloat32, float32ToBfloat16, 0x0040, 0x7f80],
] as const)('%s: all 65536 values survive the way to float32 and back', (_, toFloat, fromFloat, quiet, infinity) => {
  const back = fromFloat(widen(toFloat, ALL));
  // A signalling NaN comes back quiet.
  const wrong = ALL.filter((half) => back[half] !== ((half & 0x7fff) > infinity ? half | quiet : half));
  expect([...wrong]).toEqual([]);
});

test('F16 rounds to nearest, ties to even', () => {
  const cases: [number, number][] = [
    [1 + 2 ** -11, 0x3c00],
    [1 + 2 ** -11 + 2 ** -20, 0x3c01],
    [1 + 3 * 2 ** -11, 0x3c02],
    [2 - 2 ** -12, 0x4000],
    [65519.99609375, 0x7bff],
    [65520, 0x7c00],
    [-65520, 0xfc00],
    [3.4e38, 0x7c00],
    [2 ** -25, 0x0000],
    [-(2 ** -25), 0x8000],
    [2 ** -25 * (1 + 2 ** -20), 0x0001],
    [3 * 2 ** -25, 0x0002],
    [2 ** -14 - 2 ** -26, 0x0400],
    [1e-45, 0x0000],
  ];
  expect([...float32ToFloat16(Float32Array.from(cases, ([v]) => v))]).toEqual(cases.map(([, h]) => h));
});

test('BF16 rounds to nearest, ties to even', () => {
  const cases: [number, number][] = [
    [1 + 2 ** -8, 0x3f80],
    [1 + 2 ** -8 + 2 ** -20, 0x3f81],
    [1 + 3 * 2 ** -8, 0x3f82],
    [3.4028234663852886e38, 0x7f80],
    [-3.4028234663852886e38, 0xff80],
    [2 ** -134, 0x0000],
    [3 * 2 ** -134, 0x0002],
  ];
  expect([...float32ToBfloat16(Float32Array.from(cases, ([v]) => v))]).toEqual(cases.map(([, h]) => h));
});

test.each([
  ['F16', float16ToFloat32, float32ToFloat16],
  ['BF16', bfloat16ToFloat32, float32ToBfloat16],
] as const)('%s: no neighbor is nearer than the rounded value', (_, toFloat, fromFloat) => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, min: -65000, max: 65000 }), (value) => {
      const half = fromFloat(Float32Array.of(value))[0]!;
      const [low, at, high] = widen(toFloat, [(half & 0x7fff) === 0 ? half : half - 1, half, half + 1]);
      const error = Math.abs(at! - value);
      expect(error).toBeLessThanOrEqual(Math.abs(low! - value));
      expect(error).toBeLessThanOrEqual(Math.abs(high! - value));
    }),
    { numRuns: 2000, seed: 1 },
  );
});
