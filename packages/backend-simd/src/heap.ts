/** The first page belongs to the thread pool and to small tables that kernels read. */
export const CONTROL = 1024;
export const ARGUMENTS = 2048;
export const TABLE = 4096;
const PAGE = 65536;
const MOST_PAGES = 65536;
const UNIT = 64;
/** The smallest limit to run with. */
const FEWEST_PAGES = 4096;

/** Statistics of the heap, in bytes. */
export interface HeapStatistics {
  /** Bytes of the blocks that are in use. */
  live: number;
  /** Number of blocks that are in use: one for the data of a tensor. */
  blocks: number;
  /** The largest value of `live` so far. */
  peak: number;
  /** Bytes of the memory, which never shrinks. */
  size: number;
  /** Bytes to which the memory may grow: 4 GiB, or less where the system reserves fewer addresses. */
  limit: number;
}

export interface HeapOptions {
  /** Pages of 64 KiB at the start. */
  initial?: number;
  /** Pages of 64 KiB that it may grow to, at most 65536. */
  maximum?: number;
  /** Whether threads share the memory. One that is not shared moves when it grows: views made before are then empty. */
  shared?: boolean;
}

/** Units from which blocks have finer sizes: 1 MiB. */
const LARGE = 2 ** 20 / UNIT;

/**
 * Returns the bytes of the block that is allocated for a tensor of `bytes` bytes: one of 8 sizes per power of two, at most an eighth
 * larger; from 1 MiB on one of 64, as the weights of a model are to take what they need.
 */
export function blockSize(bytes: number): number {
  const units = Math.max(1, Math.ceil(bytes / UNIT));
  if (units <= 16) return units * UNIT;
  const step = 2 ** (Math.floor(Math.log2(units)) - (units < LARGE ? 3 : 6));
  return Math.ceil(units / step) * step * UNIT;
}

/**
 * Blocks of one shared WebAssembly memory. Freed blocks are kept in a stack for each size; when much has
 * been freed and nothing fits, neighbors are joined. Views of a shared memory stay valid when it grows.
 */
export class Heap {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  /** Called with the size of the memory in bytes when it has grown, and with 0 when the backend is disposed. */
  onResize: ((bytes: number) => void) | undefined;
  #maximum: number;
  #free = new Map<number, number[]>();
  #extents: { start: number; size: number }[] = [];
  #top = PAGE;
  #live = 0;
  /** Bytes that were freed since free neighbors were joined. */
  #freed = 0;
  #blocks = 0;
  #peak = 0;

  constructor({ initial = 256, maximum = MOST_PAGES, shared = true }: HeapOptions = {}) {
    this.shared = shared;
    const { memory, pages } = reserve(initial, maximum, shared);
    this.memory = memory;
    this.#maximum = pages;
  }

  get buffer(): ArrayBufferLike {
    return this.memory.buffer;
  }

  statistics(): HeapStatistics {
    const limit = this.#maximum * PAGE;
    return { live: this.#live, blocks: this.#blocks, peak: this.#peak, size: this.buffer.byteLength, limit };
  }

  /** Whether a block of so many bytes can be allocated without growing the memory. */
  fits(bytes: number): boolean {
    const size = blockSize(bytes);
    return (
      Boolean(this.#free.get(size)?.length) ||
      this.#extents.some((extent) => extent.size >= size) ||
      this.#top + size <= this.buffer.byteLength - PAGE
    );
  }

  /** A block of at least `bytes` bytes, aligned to 64, not cleared. */
  allocate(bytes: number): number {
    const size = blockSize(bytes);
    const pointer = this.#free.get(size)?.pop() ?? this.#carve(size, bytes);
    this.#live += size;
    this.#blocks++;
    this.#peak = Math.max(this.#peak, this.#live);
    return pointer;
  }

  /** Frees a block, with the arguments and result of its `allocate`. */
  free(pointer: number, bytes: number): void {
    const size = blockSize(bytes);
    const stack = this.#free.get(size);
    if (stack) stack.push(pointer);
    else this.#free.set(size, [pointer]);
    this.#live -= size;
    this.#freed += size;
    this.#blocks--;
  }

  #carve(size: number, asked: number): number {
    const pointer = this.#fromExtents(size);
    if (pointer !== undefined) return pointer;
    // Much has been freed since neighbors were joined: before more is taken, as what is taken late stays between them.
    if (this.#freed > Math.max(size, this.#top / 32)) this.#join();
    return this.#fromExtents(size) ?? this.#fromTop(size) ?? this.#fromGrown(size) ?? this.#full(asked);
  }

  #fromTop(size: number): number | undefined {
    if (this.#top + size > this.buffer.byteLength - PAGE) return undefined;
    const pointer = this.#top;
    this.#top += size;
    return pointer;
  }

  #fromGrown(size: number): number | undefined {
    const limit = (this.#maximum - 1) * PAGE; // kernels may read a little past a block
    const fits = (): boolean => this.#top + size <= limit && this.#grow(this.#top + size + PAGE);
    if (!fits()) {
      this.#join();
      const pointer = this.#fromExtents(size);
      if (pointer !== undefined) return pointer;
      if (!fits()) return undefined;
    }
    return this.#fromTop(size);
  }

  #grow(needed: number): boolean {
    if (needed <= this.buffer.byteLength) return true;
    const pages = Math.ceil((needed - this.buffer.byteLength) / PAGE);
    const have = this.buffer.byteLength / PAGE;
    const generous = Math.min(this.#maximum - have, Math.max(pages, Math.floor(have / 4), 256));
    for (const step of [generous, pages]) {
      try {
        this.memory.grow(step);
        this.onResize?.(this.buffer.byteLength);
        return true;
      } catch {
        // the smaller step may still succeed
      }
    }
    return false;
  }

  #fromExtents(size: number): number | undefined {
    let best = -1;
    for (let i = 0; i < this.#extents.length; i++) {
      const fits = this.#extents[i]!.size >= size;
      if (fits && (best < 0 || this.#extents[i]!.size < this.#extents[best]!.size)) best = i;
    }
    if (best < 0) return undefined;
    const extent = this.#extents[best]!;
    const pointer = extent.start;
    extent.start += size;
    extent.size -= size;
    if (extent.size === 0) this.#extents.splice(best, 1);
    return pointer;
  }

  /** Joins all free neighbors. */
  #join(): void {
    this.#freed = 0;
    const blocks = [...this.#extents];
    for (const [bytes, stack] of this.#free) for (const start of stack) blocks.push({ start, size: bytes });
    blocks.sort((a, b) => a.start - b.start);
    const joined: { start: number; size: number }[] = [];
    for (const block of blocks) {
      const last = joined.at(-1);
      if (last && last.start + last.size === block.start) last.size += block.size;
      else joined.push({ ...block });
    }
    const last = joined.at(-1);
    if (last && last.start + last.size === this.#top) {
      this.#top = last.start;
      joined.pop();
    }
    this.#free.clear();
    this.#extents = joined;
  }

  #full(asked: number): never {
    const { live, blocks, size, limit } = this.statistics();
    const ends = this.#top + blockSize(asked) + PAGE > limit;
    throw new Error(
      `The heap of the simd backend is full: ${asked} bytes were requested while ${live} bytes are live in ${blocks} ` +
        `blocks, one a tensor, and its memory of ${size} bytes cannot grow (` +
        `${ends ? `it ends at ${limit}` : 'the system gives no more'}); dispose tensors, or make the batch smaller.`,
    );
  }
}

/** A memory that may grow to `maximum` pages, or to a half, a quarter … of them where the addresses are not to be had. */
function reserve(initial: number, maximum: number, shared: boolean): { memory: WebAssembly.Memory; pages: number } {
  for (let pages = maximum; ; pages = Math.floor(pages / 2)) {
    try {
      return { memory: new WebAssembly.Memory({ initial, maximum: pages, shared }), pages };
    } catch (cause) {
      if (pages / 2 >= Math.max(initial, FEWEST_PAGES)) continue;
      const least = (pages * PAGE) / 2 ** 20;
      throw new Error(
        `The simd backend could not reserve ${least} MiB of addresses for its heap; lift the limit of this process ` +
          '(ulimit -v), or start Node with --disable-wasm-trap-handler, which asks for fewer.',
        { cause },
      );
    }
  }
}
