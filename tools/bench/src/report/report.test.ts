import { expect, test } from '@jest/globals';
import { ceilingsOf, type Result, results } from '../result.js';
import { bars, isMet } from './bars.js';
import { grouped } from './find.js';
import { linesOf, merged, recordOf } from './lines.js';
import { losses } from './losses.js';
import { handWritten, markdown } from './markdown.js';
import { plot } from './plot.js';

/** One case in which each contender took so many milliseconds. */
function measured(bench: string, name: string, ms: Record<string, number>, flops = 1e9): Result[] {
  const timed = Object.entries(ms).map(([who, time]) => {
    const [contender = '', threads] = who.split(' ');
    const times = { min: time, median: time, max: time, samples: 2, cpu: time };
    const heap = contender === 'simd' ? { before: 1000, peak: 1000 + 2 ** 20 } : null;
    return { contender: { name: contender, threads: Number(threads) }, times, heap };
  });
  const ceilings = new Map([
    [1, { gflops: 100 }],
    [2, { gflops: 200 }],
  ]);
  return results({ bench, case: name, flops }, timed, bench === 'ceiling' ? new Map() : ceilings);
}

const lines = [
  ...measured('ceiling', 'fma', { 'simd 1': 10, 'simd 2': 5 }),
  ...measured('matmul', 'AB 1024x768x768', { 'simd 1': 11, 'simd 2': 5.5, 'pytorch 2': 2 }),
  ...measured('attention', 'forward 16x12 heads 32x257x64', { 'simd 2': 20, 'onnxruntime-web 2': 25, 'wasm 1': 200 }),
  ...measured('attention', 'forward 1x12 heads 1024x1024x64', { 'simd 2': 20 }),
];
const barOf = (begin: string) =>
  bars(lines).find(({ what }) => what.startsWith(begin)) as ReturnType<typeof bars>[number];

test('a line has rates of the shortest time, shares of the ceiling and ratios of medians', () => {
  expect(lines.find(({ bench, threads }) => bench === 'matmul' && threads === 1)).toMatchObject({
    contender: 'simd',
    gflops: 90.91,
    of_ceiling: 0.9091,
    spread: 0,
    heap_before: 1000,
    ratio_to: { 'simd, 2 threads': 2, 'pytorch, 2 threads': 5.5 },
  });
  expect(ceilingsOf(lines)).toEqual(
    new Map([
      [1, { gflops: 100 }],
      [2, { gflops: 200 }],
    ]),
  );
});

test("bars of native kernels compare processors' time with peers that are held to as much", () => {
  const native = [
    ...measured('ceiling', 'fma of 256 bits', { 'native 1': 10 }),
    ...measured('matmul', 'AB 1024x768x768', {
      ...{ 'native 1': 8, 'native-avx2 1': 11, 'pytorch 1': 22, 'onnxruntime-node 1': 4, 'simd 1': 50 },
    }),
  ];
  const measuredOf = (begin: string) => bars(native).find(({ what }) => what.startsWith(begin))?.measured;
  expect(measuredOf('native matmul AB, 1 thread, AVX2')).toBeCloseTo(10 / 11, 3);
  expect(measuredOf('native matmul AB, threads: 1: times as fast as pytorch')).toBe(2);
  expect(measuredOf('native matmul AB, threads: 1: times as fast as onnxruntime-node')).toBe(0.5);
  expect(measuredOf('native matmul AB, threads: 2: times as fast as pytorch')).toBeUndefined();
  expect(ceilingsOf(native).size).toBe(0);
  expect(losses(native)).toMatchObject([{ winner: 'onnxruntime-node', times: 2 }]);
});

test('bars are computed from the lines, and one that needs what is absent is not measured', () => {
  expect(barOf('matmul AB, 1 thread')).toMatchObject({ measured: expect.closeTo(0.909, 3), atLeast: 0.9 });
  expect(barOf('matmul AB: what')).toMatchObject({ measured: expect.closeTo(1, 3) });
  expect(barOf('attention 16x12 heads 32x257x64, 2 threads: times as fast as onnx')).toMatchObject({ measured: 1.25 });
  expect(barOf('attention 16x12 heads 32x257x64, 2 threads: times as fast as tfjs')).toMatchObject({ measured: 10 });
  expect(barOf('the same, forward: ')).toMatchObject({ measured: expect.closeTo(0.275, 3) });
  expect(barOf('attention 1x12').measured).toBeCloseTo(2 ** 20 / (4 * 12 * 1024 * 1024), 5);
  expect(barOf('softmax').measured).toBeUndefined();
  const met = ['matmul AB, 1', 'attention 16x12 heads 32x257x64, 2 threads: times as fast as onnx', 'softmax'];
  expect(met.map((begin) => isMet(barOf(begin)))).toEqual([true, false, undefined]);
});

test('a loss names the fastest other with as many threads, and a tie is none', () => {
  expect(losses(lines)).toEqual([
    { bench: 'matmul', case: 'AB 1024x768x768', threads: 2, winner: 'pytorch', times: 2.75 },
  ]);
  expect(losses(measured('rows', 'tie', { 'simd 1': 1.04, 'wasm 1': 1 }))).toEqual([]);
});

const record = {
  environment: { cpu: 'A', cores: 2, memory: 24, system: 'linux x64', node: 'v20', date: '2026-01-01', versions: {} },
  results: lines,
  failures: [
    { bench: 'stage1', case: 'stage 1 step, 12 layers', contender: 'simd', threads: 2, why: 'its heap is full' },
  ],
};

test('a run is read as it was written', () => {
  expect(recordOf(linesOf(record))).toEqual(record);
  expect(() => recordOf('{"bench":"x"}\n')).toThrow("A run's first line must be its environment");
});

test('cases that are not measured anew keep their lines', () => {
  const fresh = { ...record, failures: [], results: measured('matmul', 'AB 1024x768x768', { 'simd 1': 7 }) };
  const all = merged(record, fresh).results;
  expect(all.filter(({ bench }) => bench === 'matmul')).toEqual(fresh.results);
  expect(all.filter(({ bench }) => bench === 'attention')).toHaveLength(4);
  expect(merged(record, fresh).failures).toEqual(record.failures);
  expect(merged(undefined, fresh)).toEqual(fresh);
  expect([...grouped(all).keys()]).toEqual(['ceiling', 'matmul', 'attention']);
});

test('a suite of another machine stays under its machine, with its ceilings', () => {
  const other = { ...record.environment, cpu: 'B' };
  const fresh = {
    environment: other,
    failures: [],
    results: [...measured('ceiling', 'fma', { 'fma 1': 1 }), ...measured('matmul', 'AB 1024x768x768', { 'simd 1': 7 })],
  };
  const both = merged(record, fresh);
  const machinesOf = (bench: string) =>
    both.results.filter((line) => line.bench === bench).map(({ environment }) => environment?.cpu);
  expect(new Set(machinesOf('attention'))).toEqual(new Set(['A']));
  expect(machinesOf('matmul')).toEqual([undefined]);
  expect(new Set(machinesOf('ceiling'))).toEqual(new Set(['A', undefined]));
  const read = recordOf(linesOf(both)); // its lines by machine
  expect(read.results).toHaveLength(both.results.length);
  expect(read.results).toEqual(expect.arrayContaining([...both.results]));
  expect({ ...read, results: [] }).toEqual({ ...both, results: [] });

  const text = markdown(both, { byHand: '', plot: () => undefined, lines: 'results.jsonl' });
  expect(text).toContain('| A | 2 | 24 GiB | linux x64 |');
  expect(text).toContain('| B | 2 | 24 GiB | linux x64 |');
  const matmul = text.slice(text.indexOf('## Matrix products'), text.indexOf('## Attention'));
  expect(matmul).toContain('On B, 2 cores');
  expect(matmul).not.toContain('On A');
  expect(text.slice(text.indexOf('## Attention'))).toContain('On A, 2 cores');

  const again = merged(both, { ...record, results: [], failures: [] });
  expect(again.results.filter(({ bench }) => bench === 'attention').some(({ environment }) => environment)).toBe(false);
  expect(again.results.find(({ bench }) => bench === 'matmul')?.environment?.cpu).toBe('B');
});

test('a report has a table for each suite, and keeps what was written by hand', () => {
  const options = { byHand: 'Mine.', plot: () => 'x.svg', lines: 'results.jsonl' };
  const report = markdown(record, options);
  expect(report).toContain('| AB 1024x768x768 | simd | 1 | 11 | 11 | 11 | 0 % | 90.9 GFLOP/s | 91 % | 2 | 1 MiB |  |');
  expect(report).toContain('- matmul, AB 1024x768x768, 2 threads: 2.75 times the time of pytorch');
  expect(report).toContain('at least 1.3 | 1.25 | **missed** |');
  expect(report).toContain('at most 3.9 | it fails | **missed** |');
  expect(report).toContain('- stage1, stage 1 step, 12 layers: simd, 2 threads: its heap is full');
  expect(report).toContain('![Each contender');
  expect(handWritten(report)).toBe('Mine.');
  expect(handWritten('# Another file')).toBe('Nothing has been written here yet.');
});

test('a plot has a mark for each contender, and nothing is drawn of one alone', () => {
  const benches = grouped(lines);
  const svg = plot(benches.get('matmul') ?? new Map()) as string;
  expect(svg).toMatch(/^<svg.*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
  expect(svg).toContain('pytorch, 2 threads');
  expect(svg.match(/<circle/g)).toHaveLength(3);
  expect(plot(benches.get('ceiling') ?? new Map())).toBeUndefined();
});
