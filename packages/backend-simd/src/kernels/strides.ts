import { type Heap, TABLE } from '../heap.js';

/** Axes of a loop: sizes, and for each array its stride (in elements) along every axis. */
export interface Loop {
  sizes: number[];
  strides: number[][];
}

/** Strides of a contiguous array, in elements. */
export function contiguous(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

/** As `contiguous` for an array that is broadcast to more axes; 0 along axes of size 1, which broadcast. */
export function broadcastStrides(shape: readonly number[], rank: number): number[] {
  const strides = new Array<number>(rank).fill(0);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1) strides[axis + rank - shape.length] = step;
    step *= shape[axis]!;
  }
  return strides;
}

/** Drops axes of size 1 and joins neighbors that every array walks through as one. */
export function simplify({ sizes, strides }: Loop): Loop {
  const result: Loop = { sizes: [], strides: strides.map(() => []) };
  for (let axis = 0; axis < sizes.length; axis++) {
    if (sizes[axis] === 1) continue;
    const last = result.sizes.length - 1;
    const joins = last >= 0 && strides.every((s, i) => result.strides[i]![last] === s[axis]! * sizes[axis]!);
    if (joins) {
      result.sizes[last]! *= sizes[axis]!;
      for (let i = 0; i < strides.length; i++) result.strides[i]![last] = strides[i]![axis]!;
    } else {
      result.sizes.push(sizes[axis]!);
      for (let i = 0; i < strides.length; i++) result.strides[i]!.push(strides[i]![axis]!);
    }
  }
  if (result.sizes.length === 0) {
    result.sizes.push(1);
    for (const s of result.strides) s.push(1);
  }
  return result;
}

/** Writes the outer axes of a loop over two arrays where kernels read them; returns the place and the innermost axis. */
export function writeTable(
  heap: Heap,
  { sizes, strides }: Loop,
): { table: number; rows: number; width: number; inner: number[] } {
  const outer = sizes.length - 1;
  const words = new Int32Array(heap.buffer, TABLE, 1 + outer * 3);
  words[0] = outer;
  let rows = 1;
  for (let axis = 0; axis < outer; axis++) {
    words.set([sizes[axis]!, strides[0]![axis]!, strides[1]![axis]!], 1 + axis * 3);
    rows *= sizes[axis]!;
  }
  return { table: TABLE, rows, width: sizes[outer]!, inner: strides.map((s) => s[outer]!) };
}
