import { storePart } from './math';

// Kernels that move 32-bit words.

@inline
export function copyWords(to: usize, from: usize, n: i32): void {
  if (n >= 256) {
    memory.copy(to, from, <usize>n << 2);
    return;
  }
  const whole = n & ~3;
  let j = 0;
  for (; j < whole; j += 4) v128.store(to + (<usize>j << 2), v128.load(from + (<usize>j << 2)));
  if (j < n) storePart(to + (<usize>j << 2), v128.load(from + (<usize>j << 2)), n - j);
}

/**
 * Rows [begin, end) of `width` words from one strided array to another. `meta`: rank, then for each outer axis its size
 * and its strides in `x` and `y`; `sx` and `sy` are the strides along the row. Strides in words, negative ones too.
 */
export function stridedCopy(
  begin: i32, end: i32, thread: i32, meta: usize, x: usize, y: usize, width: i32, sx: i32, sy: i32,
): void {
  const rank = load<i32>(meta);
  for (let r = begin; r < end; r++) {
    let rest = <u32>r;
    let from = x;
    let to = y;
    for (let axis = rank - 1; axis >= 0; axis--) {
      const entry = meta + 4 + <usize>axis * 12;
      const size = load<u32>(entry);
      const next = rest / size;
      const index = rest - next * size;
      from += (index * load<u32>(entry, 4)) << 2;
      to += (index * load<u32>(entry, 8)) << 2;
      rest = next;
    }
    if (sx == 1 && sy == 1) copyWords(to, from, width);
    else {
      const stepX = <usize>sx << 2;
      const stepY = <usize>sy << 2;
      for (let j = 0; j < width; j++) {
        store<u32>(to, load<u32>(from));
        from += stepX;
        to += stepY;
      }
    }
  }
}

/** Bands [begin, end) of a [batch, R / 16] grid: [batch, R, C] becomes [batch, C, R]. */
export function transposePlanes(
  begin: i32, end: i32, thread: i32, x: usize, y: usize, R: i32, C: i32,
): void {
  const bands = (R + 15) >> 4;
  const rowX = <usize>C << 2;
  const rowY = <usize>R << 2;
  for (let item = begin; item < end; item++) {
    const batch = item / bands;
    const i0 = (item - batch * bands) << 4;
    const i1 = min(R, i0 + 16);
    const plane = <usize>batch * <usize>R * rowX;
    for (let j = 0; j < C; j += 4) {
      for (let i = i0; i < i1; i += 4) {
        const from = x + plane + <usize>i * rowX + (<usize>j << 2);
        const to = y + plane + <usize>j * rowY + (<usize>i << 2);
        const rows = i1 - i;
        const cols = C - j;
        const v0 = v128.load(from);
        const v1 = rows > 1 ? v128.load(from + rowX) : v0;
        const v2 = rows > 2 ? v128.load(from + 2 * rowX) : v0;
        const v3 = rows > 3 ? v128.load(from + 3 * rowX) : v0;
        const t0 = v128.shuffle<i32>(v0, v1, 0, 4, 1, 5);
        const t1 = v128.shuffle<i32>(v0, v1, 2, 6, 3, 7);
        const t2 = v128.shuffle<i32>(v2, v3, 0, 4, 1, 5);
        const t3 = v128.shuffle<i32>(v2, v3, 2, 6, 3, 7);
        storePart(to, v128.shuffle<i64>(t0, t2, 0, 2), rows);
        if (cols > 1) storePart(to + rowY, v128.shuffle<i64>(t0, t2, 1, 3), rows);
        if (cols > 2) storePart(to + 2 * rowY, v128.shuffle<i64>(t1, t3, 0, 2), rows);
        if (cols > 3) storePart(to + 3 * rowY, v128.shuffle<i64>(t1, t3, 1, 3), rows);
      }
    }
  }
}

/** Rows [begin, end) of an [outer, count] grid: y[o, i] = x[o, ids[i]], rows of `inner` words. */
export function gatherRows(
  begin: i32, end: i32, thread: i32, x: usize, ids: usize, y: usize, count: i32, size: i32, inner: i32,
): void {
  const bytes = <usize>inner << 2;
  for (let item = begin; item < end; item++) {
    const outer = item / count;
    const id = load<i32>(ids + (<usize>(item - outer * count) << 2));
    copyWords(y + <usize>item * bytes, x + <usize>(outer * size + id) * bytes, inner);
  }
}

/** Blocks [begin, end) of 64 columns: y[ids[i]] += x[i], rows of `inner` floats; ids outside [0, segments) are dropped. */
export function scatterAdd(
  begin: i32, end: i32, thread: i32, x: usize, ids: usize, y: usize, count: i32, segments: i32, inner: i32,
): void {
  const stride = <usize>inner << 2;
  for (let item = begin; item < end; item++) {
    const column = item << 6;
    const n = min(64, inner - column);
    const offset = <usize>column << 2;
    for (let i = 0; i < count; i++) {
      const id = load<i32>(ids + (<usize>i << 2));
      if (<u32>id >= <u32>segments) continue;
      const from = x + <usize>i * stride + offset;
      const to = y + <usize>id * stride + offset;
      for (let j = 0; j < n; j += 4) {
        const at = <usize>j << 2;
        storePart(to + at, f32x4.add(v128.load(to + at), v128.load(from + at)), n - j);
      }
    }
  }
}
