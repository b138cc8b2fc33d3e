import { splat } from './math';
import { float, halves, highNibbles, lowNibbles, plus, small32, sums } from './quantized-blocks';

/** The sums of the second of two rows; a function returns one vector. Each thread has its own. */
export let second: v128 = i32x4(0, 0, 0, 0);

/** Two rows of x by four of the weight, whose bytes are widened once. */
export function pairI8(
  p0: usize, p1: usize, p2: usize, p3: usize, x: usize, y: usize, scaleX: usize, scaleY: usize, blocks: i32,
): v128 {
  let accX = splat(0);
  let accY = splat(0);
  for (let b = 0; b < blocks; b++) {
    let x0 = i32x4.splat(0);
    let x1 = i32x4.splat(0);
    let x2 = i32x4.splat(0);
    let x3 = i32x4.splat(0);
    let y0 = i32x4.splat(0);
    let y1 = i32x4.splat(0);
    let y2 = i32x4.splat(0);
    let y3 = i32x4.splat(0);
    for (let at: usize = 0; at < 32; at += 16) {
      const a0 = v128.load8x8_s(x + at);
      const a1 = v128.load8x8_s(x + at, 8);
      const b0 = v128.load8x8_s(y + at);
      const b1 = v128.load8x8_s(y + at, 8);
      let low = v128.load8x8_s(p0 + at);
      let high = v128.load8x8_s(p0 + at, 8);
      x0 = i32x4.add(x0, i32x4.add(i32x4.dot_i16x8_s(low, a0), i32x4.dot_i16x8_s(high, a1)));
      y0 = i32x4.add(y0, i32x4.add(i32x4.dot_i16x8_s(low, b0), i32x4.dot_i16x8_s(high, b1)));
      low = v128.load8x8_s(p1 + at);
      high = v128.load8x8_s(p1 + at, 8);
      x1 = i32x4.add(x1, i32x4.add(i32x4.dot_i16x8_s(low, a0), i32x4.dot_i16x8_s(high, a1)));
      y1 = i32x4.add(y1, i32x4.add(i32x4.dot_i16x8_s(low, b0), i32x4.dot_i16x8_s(high, b1)));
      low = v128.load8x8_s(p2 + at);
      high = v128.load8x8_s(p2 + at, 8);
      x2 = i32x4.add(x2, i32x4.add(i32x4.dot_i16x8_s(low, a0), i32x4.dot_i16x8_s(high, a1)));
      y2 = i32x4.add(y2, i32x4.add(i32x4.dot_i16x8_s(low, b0), i32x4.dot_i16x8_s(high, b1)));
      low = v128.load8x8_s(p3 + at);
      high = v128.load8x8_s(p3 + at, 8);
      x3 = i32x4.add(x3, i32x4.add(i32x4.dot_i16x8_s(low, a0), i32x4.dot_i16x8_s(high, a1)));
      y3 = i32x4.add(y3, i32x4.add(i32x4.dot_i16x8_s(low, b0), i32x4.dot_i16x8_s(high, b1)));
    }
    accX = plus(accX, float(sums(x0, x1, x2, x3)), v128.load32_splat(scaleX));
    accY = plus(accY, float(sums(y0, y1, y2, y3)), v128.load32_splat(scaleY));
    x += 32;
    y += 32;
    scaleX += 4;
    scaleY += 4;
    p0 += 32;
    p1 += 32;
    p2 += 32;
    p3 += 32;
  }
  second = accY;
  return accX;
}

/** As `pairI8`, of 4 bits. */
export function pairQ4_0(
  p0: usize, p1: usize, p2: usize, p3: usize,
  x: usize, y: usize, scaleX: usize, scaleY: usize, sumX: usize, sumY: usize, blocks: i32,
): v128 {
  let accX = splat(0);
  let accY = splat(0);
  for (let b = 0; b < blocks; b++) {
    const a0 = v128.load(x);
    const a1 = v128.load(x, 16);
    const b0 = v128.load(y);
    const b1 = v128.load(y, 16);
    let v = v128.load(p0, 2);
    const x0 = small32(lowNibbles(v), highNibbles(v), a0, a1);
    const y0 = small32(lowNibbles(v), highNibbles(v), b0, b1);
    v = v128.load(p1, 2);
    const x1 = small32(lowNibbles(v), highNibbles(v), a0, a1);
    const y1 = small32(lowNibbles(v), highNibbles(v), b0, b1);
    v = v128.load(p2, 2);
    const x2 = small32(lowNibbles(v), highNibbles(v), a0, a1);
    const y2 = small32(lowNibbles(v), highNibbles(v), b0, b1);
    v = v128.load(p3, 2);
    const x3 = small32(lowNibbles(v), highNibbles(v), a0, a1);
    const y3 = small32(lowNibbles(v), highNibbles(v), b0, b1);
    const factors = halves(p0, p1, p2, p3);
    const zeroX = i32x4.splat((load<i32>(sumX) + load<i32>(sumX, 4)) << 3);
    const zeroY = i32x4.splat((load<i32>(sumY) + load<i32>(sumY, 4)) << 3);
    const totalX = i32x4.sub(sums(x0, x1, x2, x3), zeroX);
    const totalY = i32x4.sub(sums(y0, y1, y2, y3), zeroY);
    accX = plus(accX, float(totalX), f32x4.mul(factors, v128.load32_splat(scaleX)));
    accY = plus(accY, float(totalY), f32x4.mul(factors, v128.load32_splat(scaleY)));
    x += 32;
    y += 32;
    scaleX += 4;
    scaleY += 4;
    sumX += 8;
    sumY += 8;
    p0 += 18;
    p1 += 18;
    p2 += 18;
    p3 += 18;
  }
  second = accY;
  return accX;
}
