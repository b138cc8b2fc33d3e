import { madd, splat } from '../../backend-simd/assembly/math';

// C [rows, columns] = A·B or C + A·B, by tiles whose sums stay in registers: 3 x 12 where there are columns for it, else 4 x 8
// or 4 x 4 (docs/decisions/0011-tiles-of-three.md). A is read one number at a time, B and C by vectors of columns. Steps are in
// bytes: from row to row, and in A from one k to the next. The loops over k end by B's pointer: a counter costs 4 %.

function by12(
  a: usize, aRow: usize, aStep: usize, rows: i32, b: usize, bStep: usize, columns: i32, depth: i32,
  c: usize, cStep: usize, add: bool,
): void {
  for (let i = 0; i < rows; i += 3) {
    const n = rows - i;
    const x1 = n > 1 ? aRow : 0;
    const x2 = n > 2 ? aRow + x1 : 0;
    const y1 = n > 1 ? cStep : 0;
    const y2 = n > 2 ? cStep + y1 : 0;
    for (let j: usize = 0; j < <usize>columns << 2; j += 48) {
      let a0 = a; let a1 = a + x1; let a2 = a + x2; let at = b + j;
      const c0 = c + j; const c1 = c0 + y1; const c2 = c0 + y2;
      let l0 = splat(0); let m0 = splat(0); let r0 = splat(0);
      let l1 = splat(0); let m1 = splat(0); let r1 = splat(0);
      let l2 = splat(0); let m2 = splat(0); let r2 = splat(0);
      let l = splat(0); let m = splat(0); let r = splat(0); let s = splat(0);
      if (add) {
        l0 = v128.load(c0); m0 = v128.load(c0, 16); r0 = v128.load(c0, 32);
        l1 = v128.load(c1); m1 = v128.load(c1, 16); r1 = v128.load(c1, 32);
        l2 = v128.load(c2); m2 = v128.load(c2, 16); r2 = v128.load(c2, 32);
      }
      for (const end = at + <usize>depth * bStep; at < end; ) {
        l = v128.load(at); m = v128.load(at, 16); r = v128.load(at, 32);
        s = v128.load32_splat(a0); l0 = madd(s, l, l0); m0 = madd(s, m, m0); r0 = madd(s, r, r0);
        s = v128.load32_splat(a1); l1 = madd(s, l, l1); m1 = madd(s, m, m1); r1 = madd(s, r, r1);
        s = v128.load32_splat(a2); l2 = madd(s, l, l2); m2 = madd(s, m, m2); r2 = madd(s, r, r2);
        a0 += aStep; a1 += aStep; a2 += aStep;
        at += bStep;
      }
      if (n > 2) { v128.store(c2, l2); v128.store(c2, m2, 16); v128.store(c2, r2, 32); }
      if (n > 1) { v128.store(c1, l1); v128.store(c1, m1, 16); v128.store(c1, r1, 32); }
      v128.store(c0, l0); v128.store(c0, m0, 16); v128.store(c0, r0, 32);
    }
    a += 3 * aRow;
    c += 3 * cStep;
  }
}

function by8(
  a: usize, aRow: usize, aStep: usize, rows: i32, b: usize, bStep: usize, depth: i32, c: usize, cStep: usize, add: bool,
): void {
  for (let i = 0; i < rows; i += 4) {
    const n = rows - i;
    let a0 = a;
    let a1 = n > 1 ? a0 + aRow : a0;
    let a2 = n > 2 ? a1 + aRow : a0;
    let a3 = n > 3 ? a2 + aRow : a0;
    const c1 = n > 1 ? c + cStep : c;
    const c2 = n > 2 ? c1 + cStep : c;
    const c3 = n > 3 ? c2 + cStep : c;
    let at = b;
    let l0 = splat(0); let r0 = splat(0); let l1 = splat(0); let r1 = splat(0);
    let l2 = splat(0); let r2 = splat(0); let l3 = splat(0); let r3 = splat(0);
    let l = splat(0); let r = splat(0); let s = splat(0);
    if (add) {
      l0 = v128.load(c); r0 = v128.load(c, 16); l1 = v128.load(c1); r1 = v128.load(c1, 16);
      l2 = v128.load(c2); r2 = v128.load(c2, 16); l3 = v128.load(c3); r3 = v128.load(c3, 16);
    }
    for (const end = at + <usize>depth * bStep; at < end; ) {
      l = v128.load(at); r = v128.load(at, 16);
      s = v128.load32_splat(a0); l0 = madd(s, l, l0); r0 = madd(s, r, r0);
      s = v128.load32_splat(a1); l1 = madd(s, l, l1); r1 = madd(s, r, r1);
      s = v128.load32_splat(a2); l2 = madd(s, l, l2); r2 = madd(s, r, r2);
      s = v128.load32_splat(a3); l3 = madd(s, l, l3); r3 = madd(s, r, r3);
      a0 += aStep; a1 += aStep; a2 += aStep; a3 += aStep;
      at += bStep;
    }
    if (n > 3) { v128.store(c3, l3); v128.store(c3, r3, 16); }
    if (n > 2) { v128.store(c2, l2); v128.store(c2, r2, 16); }
    if (n > 1) { v128.store(c1, l1); v128.store(c1, r1, 16); }
    v128.store(c, l0); v128.store(c, r0, 16);
    a += 4 * aRow;
    c += 4 * cStep;
  }
}

function by4(
  a: usize, aRow: usize, aStep: usize, rows: i32, b: usize, bStep: usize, depth: i32, c: usize, cStep: usize, add: bool,
): void {
  for (let i = 0; i < rows; i += 4) {
    const n = rows - i;
    let a0 = a;
    let a1 = n > 1 ? a0 + aRow : a0;
    let a2 = n > 2 ? a1 + aRow : a0;
    let a3 = n > 3 ? a2 + aRow : a0;
    const c1 = n > 1 ? c + cStep : c;
    const c2 = n > 2 ? c1 + cStep : c;
    const c3 = n > 3 ? c2 + cStep : c;
    let at = b;
    let s0 = splat(0); let s1 = splat(0); let s2 = splat(0); let s3 = splat(0);
    if (add) { s0 = v128.load(c); s1 = v128.load(c1); s2 = v128.load(c2); s3 = v128.load(c3); }
    for (const end = at + <usize>depth * bStep; at < end; ) {
      const x = v128.load(at);
      s0 = madd(v128.load32_splat(a0), x, s0);
      s1 = madd(v128.load32_splat(a1), x, s1);
      s2 = madd(v128.load32_splat(a2), x, s2);
      s3 = madd(v128.load32_splat(a3), x, s3);
      a0 += aStep; a1 += aStep; a2 += aStep; a3 += aStep;
      at += bStep;
    }
    if (n > 3) v128.store(c3, s3);
    if (n > 2) v128.store(c2, s2);
    if (n > 1) v128.store(c1, s1);
    v128.store(c, s0);
    a += 4 * aRow;
    c += 4 * cStep;
  }
}

/** C [rows,columns] = A [rows,depth]·B [depth,columns], added to C or in its place. Columns are a multiple of 4. */
export function multiply(
  a: usize, aRow: usize, aStep: usize, rows: i32, b: usize, bStep: usize, columns: i32, depth: i32,
  c: usize, cStep: usize, add: bool,
): void {
  let left = columns % 12;
  if (left == 4 && columns > 4) left = 16; // twice 8 rather than 12 and 4
  const wide = columns - left;
  if (wide > 0) by12(a, aRow, aStep, rows, b, bStep, wide, depth, c, cStep, add);
  b += <usize>wide << 2;
  c += <usize>wide << 2;
  if (left == 4) {
    by4(a, aRow, aStep, rows, b, bStep, depth, c, cStep, add);
    return;
  }
  for (; left > 0; left -= 8) {
    by8(a, aRow, aStep, rows, b, bStep, depth, c, cStep, add);
    b += 32;
    c += 32;
  }
}
