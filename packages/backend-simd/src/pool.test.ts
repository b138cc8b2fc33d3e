import { readFile } from 'node:fs/promises';
import { expect, jest, test } from '@jest/globals';
import { at, MOST_THREADS } from './control.js';
import { CONTROL, Heap } from './heap.js';
import { platform, type Spawn } from './platform.js';
import { Pool, type PoolOptions } from './pool.js';

const module = await WebAssembly.compile(await readFile(new URL('../dist/kernels.simd.wasm', import.meta.url)));
const host = await platform();

interface Made {
  heap: Heap;
  pool: Pool;
  /** Fills `vectors` of 16 bytes, as work that is worth sharing; whether all were filled. */
  fill: (vectors?: number) => boolean;
}

async function make(options: PoolOptions): Promise<Made> {
  const heap = new Heap();
  const pool = new Pool(heap, options);
  const { kernels: wasm } = await pool.load<'fill32'>(module);
  const fill = (vectors = 10_000): boolean => {
    const pointer = heap.allocate(vectors * 16);
    const words = new Int32Array(heap.buffer, pointer, vectors * 4).fill(0);
    pool.run(wasm.fill32, vectors, 1e9, [pointer, 42]);
    heap.free(pointer, vectors * 16);
    return words.every((word) => word === 42);
  };
  return { heap, pool, fill };
}

async function silently(f: (warnings: string[]) => Promise<void>): Promise<void> {
  const warnings: string[] = [];
  const warn = jest.spyOn(console, 'warn').mockImplementation((line) => void warnings.push(line as string));
  try {
    await f(warnings);
  } finally {
    warn.mockRestore();
  }
}

/** Fills until every thread has computed something. */
function untilAllWork({ pool, fill }: Made): void {
  const before = pool.chunks();
  for (let i = 0; i < 5000 && pool.chunks().some((n, thread) => n === (before[thread] ?? 0)); i++) fill();
  for (const [thread, n] of pool.chunks().entries()) expect(n).toBeGreaterThan(before[thread] ?? 0);
}

test('threads go up and down, every one works, and idle ones do not', async () => {
  const made = await make({ spawn: host.spawn });
  const { pool, fill } = made;
  expect(pool.threads).toBe(1);
  expect(fill()).toBe(true);
  for (const threads of [3, 2, 4, 1, 4]) {
    pool.setThreads(threads);
    expect(pool.threads).toBe(threads);
    expect(await pool.ready()).toBe(threads);
    const before = pool.chunks();
    for (let i = 0; i < 20; i++) expect(fill()).toBe(true);
    for (const [thread, n] of pool.chunks().entries()) if (thread >= threads) expect(n).toBe(before[thread]);
  }
  untilAllWork(made);
  for (const wrong of [0, 1.5, -1, Number.NaN, MOST_THREADS + 1])
    expect(() => pool.setThreads(wrong)).toThrow('must be a whole number from 1');
  pool.dispose();
  expect(pool.threads).toBe(1);
  expect(fill()).toBe(true);
  pool.setThreads(3);
  expect(pool.threads).toBe(1);
});

test('jobs of one item, of fewer items than chunks, and of none', async () => {
  const { pool, fill } = await make({ spawn: host.spawn });
  pool.setThreads(3);
  await pool.ready();
  for (const items of [0, 1, 2, 3, 7, 23, 24, 25, 49]) expect(fill(items)).toBe(true);
  pool.dispose();
});

test('a thread that ends leaves one thread, with a warning, and new ones can be started', async () => {
  const ends: ((reason: string) => void)[] = [];
  const spawn: Spawn = (onEnd) => {
    ends.push(onEnd);
    return host.spawn!(onEnd);
  };
  const made = await make({ spawn });
  const { pool, fill } = made;
  await silently(async (warnings) => {
    pool.setThreads(3);
    await pool.ready();
    ends[0]!('it was killed');
    expect(warnings).toEqual(['A thread of the simd backend ended (it was killed); it goes on with one thread.']);
    expect(pool.threads).toBe(1);
    expect(fill()).toBe(true);
    ends[1]!('terminated with the others');
    expect(warnings).toHaveLength(1);
    pool.setThreads(3);
    expect(await pool.ready()).toBe(3);
    for (let i = 0; i < 100; i++) expect(fill()).toBe(true);
    untilAllWork(made);
    expect(warnings).toHaveLength(1);
  });
  pool.dispose();
});

test('where no thread can be started, one works, and a warning says why', async () => {
  await silently(async (warnings) => {
    const refused = await make({
      spawn: () => {
        throw new Error('refused by the policy of this page');
      },
    });
    refused.pool.setThreads(4);
    expect(warnings.join()).toContain('(Error: refused by the policy of this page); it goes on with one thread');
    expect(await refused.pool.ready()).toBe(1);
    expect(refused.fill()).toBe(true);
  });
  await silently(async (warnings) => {
    const { spawn } = await platform(new URL('no-such-worker.js', import.meta.url));
    const missing = await make({ spawn });
    missing.pool.setThreads(3);
    expect(await missing.pool.ready()).toBe(1);
    expect(warnings).toEqual([expect.stringContaining('Cannot find module')]);
    expect(missing.fill()).toBe(true);
  });
});

test('a thread that never starts is not waited for without end', async () => {
  const { pool, fill } = await make({ spawn: () => ({ post: () => {}, terminate: () => {} }), patience: 50 });
  pool.setThreads(3);
  expect(await pool.ready()).toBe(1);
  expect(fill()).toBe(true);
  pool.dispose();
});

test('a thread that is lost within its work is an error, and later work is done in one thread', async () => {
  const { heap, pool, fill } = await make({ spawn: host.spawn, patience: 300 });
  pool.setThreads(3);
  await pool.ready();
  Atomics.add(new Int32Array(heap.buffer, CONTROL), at.ACTIVE, 1); // as a thread leaves it that is killed at work
  const start = performance.now();
  const { kernels: wasm } = await pool.load<'fill32'>(module);
  expect(() => pool.run(wasm.fill32, 100, 50_000, [heap.allocate(1600), 1])).toThrow('may have been killed');
  expect(performance.now() - start).toBeLessThan(10_000);
  expect(pool.threads).toBe(1);
  expect(fill()).toBe(true);
  pool.setThreads(3);
  expect(pool.threads).toBe(1);
});
