import { madd, mix4, splat } from './math';

/** y[i] = x[i]·scale where mix(i ^ mixedSeed) ≥ threshold, else 0; vectors [begin, end). */
export function dropout(
  begin: i32, end: i32, thread: i32, x: usize, y: usize, mixedSeed: i32, threshold: u32, scale: f32,
): void {
  const seed = i32x4.splat(mixedSeed);
  const limit = i32x4.splat(<i32>threshold);
  const factor = splat(scale);
  for (let i = begin; i < end; i++) {
    const at = <usize>i << 4;
    const index = i32x4.add(i32x4.splat(i << 2), i32x4(0, 1, 2, 3));
    const keep = i32x4.ge_u(mix4(v128.xor(index, seed)), limit);
    v128.store(y + at, v128.and(keep, f32x4.mul(v128.load(x + at), factor)));
  }
}

/**
 * AdamW (Loshchilov and Hutter 2019) in place, vectors [begin, end):
 * p = p·decay - rate·m / (sqrt(v)·correction + epsilon), the corrections of the moments folded into `rate` and
 * `correction`. Gradients are multiplied by `gradScale`, and by the float at `factor` unless that is 0.
 */
export function adamw(
  begin: i32, end: i32, thread: i32, param: usize, grad: usize, m: usize, v: usize, factor: usize,
  beta1: f32, rest1: f32, beta2: f32, rest2: f32, rate: f32, correction: f32, epsilon: f32, decay: f32, gradScale: f32,
): void {
  const scale = splat(factor ? gradScale * load<f32>(factor) : gradScale);
  const b1 = splat(beta1);
  const b2 = splat(beta2);
  const c1 = splat(rest1);
  const c2 = splat(rest2);
  const stop = <usize>end << 4;
  for (let at = <usize>begin << 4; at < stop; at += 16) {
    const g = f32x4.mul(v128.load(grad + at), scale);
    const m1 = madd(v128.load(m + at), b1, f32x4.mul(g, c1));
    const v1 = madd(v128.load(v + at), b2, f32x4.mul(f32x4.mul(g, g), c2));
    v128.store(m + at, m1);
    v128.store(v + at, v1);
    const root = madd(f32x4.sqrt(v1), splat(correction), splat(epsilon));
    const step = f32x4.div(f32x4.mul(m1, splat(rate)), root);
    v128.store(param + at, f32x4.sub(f32x4.mul(v128.load(param + at), splat(decay)), step));
  }
}
