/** Four rows of four become four columns. */
@inline
export function transpose4(v0: v128, v1: v128, v2: v128, v3: v128, to: usize, step: usize): void {
  const t0 = v128.shuffle<i32>(v0, v1, 0, 4, 1, 5);
  const t1 = v128.shuffle<i32>(v0, v1, 2, 6, 3, 7);
  const t2 = v128.shuffle<i32>(v2, v3, 0, 4, 1, 5);
  const t3 = v128.shuffle<i32>(v2, v3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(t0, t2, 0, 2));
  v128.store(to + step, v128.shuffle<i64>(t0, t2, 1, 3));
  v128.store(to + 2 * step, v128.shuffle<i64>(t1, t3, 0, 2));
  v128.store(to + 3 * step, v128.shuffle<i64>(t1, t3, 1, 3));
}
