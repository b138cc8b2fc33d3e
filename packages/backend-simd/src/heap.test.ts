import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { blockSize, Heap } from './heap.js';

test('block sizes are multiples of 64 that lose at most an eighth, and large ones a 64th', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 }), (bytes) => {
      const size = blockSize(bytes);
      expect(size % 64).toBe(0);
      expect(size).toBeGreaterThanOrEqual(bytes);
      expect(size).toBeLessThanOrEqual(Math.max(bytes * (bytes < 2 ** 20 ? 1.125 : 1 + 1 / 64), bytes + 64));
      expect(blockSize(size)).toBe(size);
    }),
  );
});

test('live blocks never overlap, whatever is freed between', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 300_000 }), fc.nat(40)), { maxLength: 120 }), (steps) => {
      const heap = new Heap({ initial: 17 });
      const live: { pointer: number; bytes: number }[] = [];
      for (const [bytes, victim] of steps) {
        const pointer = heap.allocate(bytes);
        const end = pointer + blockSize(bytes);
        for (const other of live) {
          const apart = end <= other.pointer || other.pointer + blockSize(other.bytes) <= pointer;
          if (!apart) throw new Error(`blocks at ${pointer} and ${other.pointer} overlap`);
        }
        expect(end).toBeLessThanOrEqual(heap.buffer.byteLength);
        live.push({ pointer, bytes });
        const gone = live[victim];
        if (gone) {
          heap.free(gone.pointer, gone.bytes);
          live.splice(victim, 1);
        }
      }
      for (const { pointer, bytes } of live) heap.free(pointer, bytes);
      expect(heap.statistics().live).toBe(0);
    }),
    { numRuns: 40, seed: 1 },
  );
});

test('freed blocks are used again', () => {
  const heap = new Heap();
  const first = heap.allocate(1000);
  heap.free(first, 1000);
  expect(heap.allocate(1010)).toBe(first);
});

test('neighbors are joined before the memory grows', () => {
  const heap = new Heap();
  const small = Array.from({ length: 140 }, () => heap.allocate(100_000));
  for (const pointer of small) heap.free(pointer, 100_000);
  heap.allocate(12_000_000);
  expect(heap.statistics().size).toBe(256 * 65536);
});

test('the memory grows, and views made before stay valid', () => {
  const heap = new Heap({ initial: 17 });
  const view = new Float32Array(heap.buffer, heap.allocate(64), 16);
  view.fill(7);
  heap.allocate(40_000_000);
  expect(heap.statistics().size).toBeGreaterThan(40_000_000);
  view[0] = 8;
  expect(Array.from(new Float32Array(heap.buffer, view.byteOffset, 2))).toEqual([8, 7]);
});

test('what does not fit in 4 GiB says what was asked and what is live', () => {
  const heap = new Heap({ initial: 17 });
  heap.allocate(6144);
  expect(() => heap.allocate(4.5e9)).toThrow(
    'full: 4500000000 bytes were requested while 6144 bytes are live in 1 blocks, one a tensor, and its memory of 1114112 ' +
      'bytes cannot grow (it ends at 4294967296); dispose tensors, or make the batch smaller.',
  );
  expect(heap.statistics()).toEqual({ live: 6144, blocks: 1, peak: 6144, size: 1114112, limit: 2 ** 32 });
});

test.each([true, false])('it grows to 4 GiB, shared: %p, without touching them, and is used to its end', (shared) => {
  const before = process.memoryUsage.rss();
  const heap = new Heap({ shared });
  const pointers: number[] = [];
  const full = (bytes: number): void => {
    for (;;) pointers.push(heap.allocate(bytes));
  };
  for (const bytes of [2 ** 29, 2 ** 25, 2 ** 20, 2 ** 16])
    expect(() => full(bytes)).toThrow(`${bytes} bytes were requested`);
  const { live, size, blocks } = heap.statistics();
  expect(size).toBe(2 ** 32);
  expect(live).toBeGreaterThan(2 ** 32 - 3 * 2 ** 16);
  expect(blocks).toBe(pointers.length);
  const last = new Float32Array(heap.buffer, Math.max(...pointers), 2 ** 14);
  last[2 ** 14 - 1] = 7;
  expect(last.at(-1)).toBe(7);
  expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 28);
  const [first] = pointers as [number];
  heap.free(first, 2 ** 29);
  expect(heap.allocate(2 ** 28)).toBe(first);
  expect(heap.statistics().peak).toBe(live);
});

test('where the system has fewer addresses free, the heap ends earlier, and says where', () => {
  const { Memory } = WebAssembly;
  const tried: number[] = [];
  const most = (pages: number): void => {
    WebAssembly.Memory = class extends Memory {
      constructor(descriptor: WebAssembly.MemoryDescriptor) {
        tried.push(descriptor.maximum!);
        if (descriptor.maximum! > pages) throw new RangeError('could not allocate memory');
        super(descriptor);
      }
    };
  };
  try {
    most(20_000);
    const heap = new Heap();
    expect(tried).toEqual([65536, 32768, 16384]);
    expect(heap.statistics().limit).toBe(2 ** 30);
    expect(() => heap.allocate(2 ** 30)).toThrow('it ends at 1073741824');
    most(1000);
    expect(() => new Heap()).toThrow('could not reserve 256 MiB of addresses');
  } finally {
    WebAssembly.Memory = Memory;
  }
});

test('fits tells whether a block is there without growing', () => {
  const heap = new Heap({ initial: 4, shared: false });
  expect(heap.fits(100_000)).toBe(true);
  const pointer = heap.allocate(100_000);
  expect(heap.fits(100_000)).toBe(false);
  heap.free(pointer, 100_000);
  expect(heap.fits(100_000)).toBe(true);
  expect(heap.statistics().size).toBe(4 * 65536);
});
