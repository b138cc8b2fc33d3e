import { splat } from '../../backend-simd/assembly/math';

/**
 * Rotary positions of rows [begin, end) of x [B,L,heads·2·half]: pair (i, half + i) of each head is rotated by the angle i of its
 * row of cos and sin [P,half]. Row (b, l) has the row `positions[b·stride + l]`, or `offset + l` without positions. `sign` is -1
 * for the gradient, which turns back. Products are rounded before they are added, as if composed of ops.
 */
export function rotary(
  begin: i32, end: i32, thread: i32,
  x: usize, y: usize, cos: usize, sin: usize, positions: usize, stride: i32, offset: i32, L: i32, heads: i32, half: i32, sign: f32,
): void {
  const wide = <usize>half << 2;
  const whole = <usize>(half & ~3) << 2;
  const signs = splat(sign);
  for (let row = begin; row < end; row++) {
    const l = row % L;
    const at = positions ? load<i32>(positions + (<usize>((row / L) * stride + l) << 2)) : offset + l;
    const c = cos + <usize>at * wide;
    const s = sin + <usize>at * wide;
    let from = x + <usize>row * <usize>heads * wide * 2;
    let to = y + <usize>row * <usize>heads * wide * 2;
    for (let h = 0; h < heads; h++) {
      for (let i: usize = 0; i < whole; i += 16) {
        const a = v128.load(from + i);
        const b = v128.load(from + wide + i);
        const ci = v128.load(c + i);
        const si = f32x4.mul(v128.load(s + i), signs);
        v128.store(to + i, f32x4.sub(f32x4.mul(a, ci), f32x4.mul(b, si)));
        v128.store(to + wide + i, f32x4.add(f32x4.mul(b, ci), f32x4.mul(a, si)));
      }
      for (let i = whole; i < wide; i += 4) {
        const a = load<f32>(from + i);
        const b = load<f32>(from + wide + i);
        const ci = load<f32>(c + i);
        const si = load<f32>(s + i) * sign;
        store<f32>(to + i, a * ci - b * si);
        store<f32>(to + wide + i, b * ci + a * si);
      }
      from += wide * 2;
      to += wide * 2;
    }
  }
}
