import { madd, splat } from '../../../packages/backend-simd/assembly/math';

/** Multiply-adds in registers alone, fused where there is relaxed SIMD, `rounds` times twelve vectors in as many sums: what wasm can do at most. */
export function fma(begin: i32, end: i32, thread: i32, rounds: i32, out: usize): void {
  for (let item = begin; item < end; item++) {
    const a = splat(0.999);
    const b = splat(1e-3);
    let s0 = b;
    let s1 = b;
    let s2 = b;
    let s3 = b;
    let s4 = b;
    let s5 = b;
    let s6 = b;
    let s7 = b;
    let s8 = b;
    let s9 = b;
    let s10 = b;
    let s11 = b;
    for (let i = 0; i < rounds; i++) {
      s0 = madd(s0, a, b);
      s1 = madd(s1, a, b);
      s2 = madd(s2, a, b);
      s3 = madd(s3, a, b);
      s4 = madd(s4, a, b);
      s5 = madd(s5, a, b);
      s6 = madd(s6, a, b);
      s7 = madd(s7, a, b);
      s8 = madd(s8, a, b);
      s9 = madd(s9, a, b);
      s10 = madd(s10, a, b);
      s11 = madd(s11, a, b);
    }
    let sum = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
    sum = f32x4.add(sum, f32x4.add(f32x4.add(s4, s5), f32x4.add(s6, s7)));
    sum = f32x4.add(sum, f32x4.add(f32x4.add(s8, s9), f32x4.add(s10, s11)));
    v128.store(out + ((<usize>item) << 4), sum);
  }
}

/** Adds up all of x, `block` bytes an item: a stream out of memory alone, as weights are. */
export function read(begin: i32, end: i32, thread: i32, x: usize, out: usize, block: usize): void {
  for (let item = begin; item < end; item++) {
    let s0 = splat(0);
    let s1 = splat(0);
    let s2 = splat(0);
    let s3 = splat(0);
    const stop = x + <usize>(item + 1) * block;
    for (let at = x + <usize>item * block; at < stop; at += 64) {
      s0 = f32x4.add(s0, v128.load(at));
      s1 = f32x4.add(s1, v128.load(at, 16));
      s2 = f32x4.add(s2, v128.load(at, 32));
      s3 = f32x4.add(s3, v128.load(at, 48));
    }
    v128.store(out + ((<usize>item) << 4), f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
  }
}

/** y = 2x, `block` bytes an item: a stream out of memory and one into it. */
export function stream(begin: i32, end: i32, thread: i32, x: usize, y: usize, block: usize): void {
  const two = splat(2);
  const stop = <usize>end * block;
  for (let at = <usize>begin * block; at < stop; at += 64) {
    v128.store(y + at, f32x4.mul(v128.load(x + at), two));
    v128.store(y + at, f32x4.mul(v128.load(x + at, 16), two), 16);
    v128.store(y + at, f32x4.mul(v128.load(x + at, 32), two), 32);
    v128.store(y + at, f32x4.mul(v128.load(x + at, 48), two), 48);
  }
}
