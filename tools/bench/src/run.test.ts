import type { Suite } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { contenders } from './contender.js';
import { peakOf } from './memory.js';
import { sumRows } from './patches.js';
import { lastWords, peerOf } from './peers.js';
import { plan, takesPart } from './run.js';

const run = { run: () => {}, dispose: () => {} };
const suite: Suite = {
  bench: 'toy',
  cases: [
    { name: 'Product', work: { op: 'matmul' }, flops: 2, slow: ['wasm'], prepare: () => run },
    { name: 'step', threads: 2, prepare: () => run },
  ],
};
const [product, step] = (plan([suite], '')[1] ?? []) as [never, never];

test('the ceilings come first, then what the filter leaves', () => {
  const names = (filter: string) => plan([suite], filter).map((cases) => cases.map((one) => one.case));
  expect(names('')).toEqual([
    ['fma', 'stream', 'read', 'fma of 256 bits'],
    ['Product', 'step'],
  ]);
  expect(names('TOY prod')).toEqual([['fma', 'stream', 'read', 'fma of 256 bits'], ['Product']]);
  expect(names('nothing')).toEqual([['fma', 'stream', 'read', 'fma of 256 bits']]);
});

test('a plan can be written as JSON', () => {
  expect(JSON.parse(JSON.stringify(product))).toEqual({
    bench: 'toy',
    case: 'Product',
    work: { op: 'matmul' },
    flops: 2,
    without: ['wasm'],
  });
});

test('who takes part', () => {
  const simd = { name: 'simd', threads: 1 };
  const web = { name: 'onnxruntime-web', threads: 2 };
  const wasm = { name: 'wasm', threads: 1 };
  expect([simd, web, wasm].map((one) => takesPart(one, product))).toEqual([true, true, false]);
  expect([simd, web].map((one) => takesPart(one, step))).toEqual([false, false]);
  expect(takesPart(wasm, plan([suite], 'product', ['wasm'])[1]?.[0] as never)).toBe(true);
  const fma = plan([], '')[0]?.[0] as never;
  expect([simd, web].map((one) => takesPart(one, fma))).toEqual([true, false]);
  expect([simd, { name: 'native', threads: 1 }].map((one) => takesPart(one, fma, 'native'))).toEqual([false, true]);
});

test('cpu takes part only where it is named', () => {
  expect(contenders().map(({ name }) => name)).not.toContain('cpu');
  expect(contenders(['cpu', 'simd'])).toEqual([
    { name: 'simd', threads: 1 },
    { name: 'simd', threads: 2 },
    { name: 'cpu', threads: 1 },
  ]);
});

test('only peers need to be installed', () => {
  expect(['simd', 'wasm', 'pytorch', 'pytorch-avx512', 'onnxruntime-web'].map(peerOf)).toEqual([
    undefined,
    undefined,
    'pytorch',
    'pytorch',
    'onnxruntime-web',
  ]);
});

test('of a failed install the line that tells most', () => {
  expect(lastWords('npm warn old\nnpm error code 1\nnpm error Error: getaddrinfo ENOTFOUND x\nnpm error log')).toBe(
    'Error: getaddrinfo ENOTFOUND x',
  );
  expect(lastWords('one\ntwo\n')).toBe('two');
  expect(lastWords('')).toBe('no output');
});

test('the peak of a process in bytes', () => {
  expect(peakOf('Name:\tnode\nVmPeak:\t  99 kB\nVmHWM:\t  12 kB\n')).toBe(12 * 1024);
  expect(peakOf('')).toBeUndefined();
});

test('rows are added up where their ids say, and others passed over', () => {
  const to = new Float32Array(6).fill(9);
  sumRows(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), Int32Array.of(2, 0, 2, 5), to);
  expect([...to]).toEqual([3, 4, 0, 0, 6, 8]);
  sumRows(new Float32Array(0), new Int32Array(0), to);
  expect([...to]).toEqual([0, 0, 0, 0, 0, 0]);
});
