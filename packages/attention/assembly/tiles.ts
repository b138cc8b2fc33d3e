import { lanes, madd, splat, storePart } from '../../backend-simd/assembly/math';

// The products of attention, four queries at a time. What belongs to a key and four queries is one vector [4], so that
// softmax runs down the keys without tails; rows of a head are `row` bytes apart, as wide as the head.

/** [sum a, sum b, sum c, sum d] */
@inline
function sums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}

/** out[l] = (q0·k_l, …, q3·k_l). Writes one vector more than there are keys where they are odd. */
export function dots(
  q0: usize, q1: usize, q2: usize, q3: usize, k: usize, row: usize, keys: i32, width: i32, out: usize,
): void {
  const whole = <usize>(width & ~3) << 2;
  const rest = lanes(width & 3);
  for (let l = 0; l < keys; l += 2) {
    const k0 = k;
    const k1 = l + 1 < keys ? k0 + row : k0;
    let a0 = splat(0); let a1 = splat(0); let a2 = splat(0); let a3 = splat(0);
    let b0 = splat(0); let b1 = splat(0); let b2 = splat(0); let b3 = splat(0);
    for (let at: usize = 0; at < whole; at += 16) {
      const x = v128.load(k0 + at);
      const y = v128.load(k1 + at);
      let q = v128.load(q0 + at); a0 = madd(q, x, a0); b0 = madd(q, y, b0);
      q = v128.load(q1 + at); a1 = madd(q, x, a1); b1 = madd(q, y, b1);
      q = v128.load(q2 + at); a2 = madd(q, x, a2); b2 = madd(q, y, b2);
      q = v128.load(q3 + at); a3 = madd(q, x, a3); b3 = madd(q, y, b3);
    }
    if (width & 3) { // what overhangs may be anything: both sides are cleared
      const x = v128.and(v128.load(k0 + whole), rest);
      const y = v128.and(v128.load(k1 + whole), rest);
      let q = v128.and(v128.load(q0 + whole), rest); a0 = madd(q, x, a0); b0 = madd(q, y, b0);
      q = v128.and(v128.load(q1 + whole), rest); a1 = madd(q, x, a1); b1 = madd(q, y, b1);
      q = v128.and(v128.load(q2 + whole), rest); a2 = madd(q, x, a2); b2 = madd(q, y, b2);
      q = v128.and(v128.load(q3 + whole), rest); a3 = madd(q, x, a3); b3 = madd(q, y, b3);
    }
    v128.store(out, sums(a0, a1, a2, a3));
    v128.store(out, sums(b0, b1, b2, b3), 16);
    k += 2 * row;
    out += 32;
  }
}

/** y_i = Σ_l p[l][i] v_l, for the first `n` of four rows i. */
export function combine(
  p: usize, v: usize, row: usize, keys: i32, width: i32, y0: usize, y1: usize, y2: usize, y3: usize,
  n: i32,
): void {
  let j = 0;
  for (; j + 8 <= width; j += 8) {
    let l0 = splat(0); let l1 = splat(0); let l2 = splat(0); let l3 = splat(0);
    let r0 = splat(0); let r1 = splat(0); let r2 = splat(0); let r3 = splat(0);
    const at = <usize>j << 2;
    let from = v + at;
    let weight = p;
    for (let l = 0; l < keys; l++) {
      const x = v128.load(from);
      const y = v128.load(from, 16);
      let s = v128.load32_splat(weight, 0); l0 = madd(s, x, l0); r0 = madd(s, y, r0);
      s = v128.load32_splat(weight, 4); l1 = madd(s, x, l1); r1 = madd(s, y, r1);
      s = v128.load32_splat(weight, 8); l2 = madd(s, x, l2); r2 = madd(s, y, r2);
      s = v128.load32_splat(weight, 12); l3 = madd(s, x, l3); r3 = madd(s, y, r3);
      from += row;
      weight += 16;
    }
    v128.store(y0 + at, l0); v128.store(y0 + at, r0, 16);
    if (n > 1) { v128.store(y1 + at, l1); v128.store(y1 + at, r1, 16); }
    if (n > 2) { v128.store(y2 + at, l2); v128.store(y2 + at, r2, 16); }
    if (n > 3) { v128.store(y3 + at, l3); v128.store(y3 + at, r3, 16); }
  }
  for (; j < width; j += 4) {
    let l0 = splat(0); let l1 = splat(0); let l2 = splat(0); let l3 = splat(0);
    const at = <usize>j << 2;
    for (let l = 0; l < keys; l++) {
      const x = v128.load(v + at + <usize>l * row);
      const weight = p + (<usize>l << 4);
      l0 = madd(v128.load32_splat(weight, 0), x, l0);
      l1 = madd(v128.load32_splat(weight, 4), x, l1);
      l2 = madd(v128.load32_splat(weight, 8), x, l2);
      l3 = madd(v128.load32_splat(weight, 12), x, l3);
    }
    storePart(y0 + at, l0, width - j);
    if (n > 1) storePart(y1 + at, l1, width - j);
    if (n > 2) storePart(y2 + at, l2, width - j);
    if (n > 3) storePart(y3 + at, l3, width - j);
  }
}

/** t_l += Σ_i p[l][i] x_i */
export function spread(
  p: usize, x0: usize, x1: usize, x2: usize, x3: usize, t: usize, row: usize, keys: i32, width: i32,
): void {
  let j = 0;
  for (; j + 8 <= width; j += 8) {
    const at = <usize>j << 2;
    const l0 = v128.load(x0 + at); const r0 = v128.load(x0 + at, 16);
    const l1 = v128.load(x1 + at); const r1 = v128.load(x1 + at, 16);
    const l2 = v128.load(x2 + at); const r2 = v128.load(x2 + at, 16);
    const l3 = v128.load(x3 + at); const r3 = v128.load(x3 + at, 16);
    let to = t + at;
    let weight = p;
    for (let l = 0; l < keys; l++) {
      let x = v128.load(to);
      let y = v128.load(to, 16);
      let s = v128.load32_splat(weight, 0); x = madd(s, l0, x); y = madd(s, r0, y);
      s = v128.load32_splat(weight, 4); x = madd(s, l1, x); y = madd(s, r1, y);
      s = v128.load32_splat(weight, 8); x = madd(s, l2, x); y = madd(s, r2, y);
      s = v128.load32_splat(weight, 12); x = madd(s, l3, x); y = madd(s, r3, y);
      v128.store(to, x);
      v128.store(to, y, 16);
      to += row;
      weight += 16;
    }
  }
  for (; j < width; j += 4) {
    const at = <usize>j << 2;
    const l0 = v128.load(x0 + at);
    const l1 = v128.load(x1 + at);
    const l2 = v128.load(x2 + at);
    const l3 = v128.load(x3 + at);
    for (let l = 0; l < keys; l++) {
      const to = t + at + <usize>l * row;
      const weight = p + (<usize>l << 4);
      let x = madd(v128.load32_splat(weight, 0), l0, v128.load(to));
      x = madd(v128.load32_splat(weight, 4), l1, x);
      x = madd(v128.load32_splat(weight, 8), l2, x);
      storePart(to, madd(v128.load32_splat(weight, 12), l3, x), width - j);
    }
  }
}
