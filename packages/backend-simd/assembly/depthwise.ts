import { madd, splat, storePart } from './math';
import { firstInside, lastInside, Windows } from './window';

// Depthwise convolutions: a filter [kH, kW, C] of its own for each channel.

/**
 * One output of 4·`vectors` channels over [kH, kW] places; pointers to the first ones, `bias` 0 for none. Steps in bytes:
 * of x from place to place and from row to row, and of the filter from row to row; `stride` is a pixel.
 */
@inline
function taps(
  vectors: i32, x: usize, w: usize, bias: usize, y: usize, n: i32,
  kH: i32, kW: i32, stepX: usize, rowX: usize, rowW: usize, stride: usize,
): void {
  let s0 = bias ? v128.load(bias) : splat(0);
  let s1 = bias && vectors > 1 ? v128.load(bias, 16) : splat(0);
  let s2 = bias && vectors > 1 ? v128.load(bias, 32) : splat(0);
  let s3 = bias && vectors > 1 ? v128.load(bias, 48) : splat(0);
  for (let ky = 0; ky < kH; ky++) {
    let from = x;
    let filter = w;
    for (let kx = 0; kx < kW; kx++) {
      s0 = madd(v128.load(from), v128.load(filter), s0);
      if (vectors > 1) {
        s1 = madd(v128.load(from, 16), v128.load(filter, 16), s1);
        s2 = madd(v128.load(from, 32), v128.load(filter, 32), s2);
        s3 = madd(v128.load(from, 48), v128.load(filter, 48), s3);
      }
      from += stepX;
      filter += stride;
    }
    x += rowX;
    w += rowW;
  }
  if (vectors > 1) {
    v128.store(y, s0);
    v128.store(y, s1, 16);
    v128.store(y, s2, 32);
    v128.store(y, s3, 48);
  } else storePart(y, s0, n);
}

/** Output lines [begin, end) of all images; `bias` [C] or 0. */
export function depthwise(
  begin: i32, end: i32, thread: i32, windows: usize, x: usize, w: usize, bias: usize, y: usize,
): void {
  const g = changetype<Windows>(windows);
  const C = g.C;
  const stride = <usize>C << 2;
  const stepX = <usize>g.stepW * stride;
  const rowX = <usize>(g.stepH * g.W) * stride;
  const rowW = <usize>g.kW * stride;
  for (let line = begin; line < end; line++) {
    const b = line / g.outH;
    const iy = (line - b * g.outH) * g.strideH - g.padH;
    const y0 = firstInside(iy, g.stepH);
    const kH = lastInside(iy, g.stepH, g.kH, g.H) - y0;
    for (let ox = 0; ox < g.outW; ox++) {
      const ix = ox * g.strideW - g.padW;
      const x0 = firstInside(ix, g.stepW);
      const kW = lastInside(ix, g.stepW, g.kW, g.W) - x0;
      const from = x + <usize>((b * g.H + iy + y0 * g.stepH) * g.W + ix + x0 * g.stepW) * stride;
      const filter = w + <usize>y0 * rowW + <usize>x0 * stride;
      const to = y + <usize>(line * g.outW + ox) * stride;
      let c = 0;
      for (; c + 16 <= C; c += 16) {
        const at = <usize>c << 2;
        taps(4, from + at, filter + at, bias ? bias + at : 0, to + at, 16, kH, kW, stepX, rowX, rowW, stride);
      }
      for (; c < C; c += 4) {
        const at = <usize>c << 2;
        taps(1, from + at, filter + at, bias ? bias + at : 0, to + at, C - c, kH, kW, stepX, rowX, rowW, stride);
      }
    }
  }
}

/** Input lines [begin, end) of all images: dx from dy. */
export function depthwiseInput(
  begin: i32, end: i32, thread: i32, windows: usize, dy: usize, w: usize, dx: usize,
): void {
  const g = changetype<Windows>(windows);
  const C = g.C;
  const stride = <usize>C << 2;
  for (let line = begin; line < end; line++) {
    const b = line / g.H;
    const iy = line - b * g.H;
    const row = dx + <usize>line * <usize>g.W * stride;
    for (let j = 0; j < g.W * C; j += 4) storePart(row + (<usize>j << 2), splat(0), g.W * C - j);
    for (let ky = 0; ky < g.kH; ky++) {
      const reach = iy + g.padH - ky * g.stepH;
      if (reach < 0 || reach % g.strideH != 0 || reach / g.strideH >= g.outH) continue;
      const gradients = dy + <usize>(b * g.outH + reach / g.strideH) * <usize>g.outW * stride;
      for (let ox = 0; ox < g.outW; ox++) {
        const x0 = ox * g.strideW - g.padW;
        const last = lastInside(x0, g.stepW, g.kW, g.W);
        for (let kx = firstInside(x0, g.stepW); kx < last; kx++) {
          const to = row + <usize>(x0 + kx * g.stepW) * stride;
          const from = gradients + <usize>ox * stride;
          const filter = w + <usize>(ky * g.kW + kx) * stride;
          for (let c = 0; c < C; c += 4) {
            const at = <usize>c << 2;
            storePart(to + at, madd(v128.load(from + at), v128.load(filter + at), v128.load(to + at)), C - c);
          }
        }
      }
    }
  }
}

/** Blocks [begin, end) of `block` output lines: their shares of dw in partial [blocks, kH, kW, C], summed afterwards. */
export function depthwiseFilter(
  begin: i32, end: i32, thread: i32, windows: usize, x: usize, dy: usize, partial: usize, lines: i32, block: i32,
): void {
  const g = changetype<Windows>(windows);
  const C = g.C;
  const stride = <usize>C << 2;
  const size = g.kH * g.kW * C;
  for (let item = begin; item < end; item++) {
    const mine = partial + (<usize>item * <usize>size << 2);
    for (let j = 0; j < size; j += 4) storePart(mine + (<usize>j << 2), splat(0), size - j);
    const stop = min(lines, (item + 1) * block);
    for (let line = item * block; line < stop; line++) {
      const b = line / g.outH;
      const y0 = (line - b * g.outH) * g.strideH - g.padH;
      const last = lastInside(y0, g.stepH, g.kH, g.H);
      for (let ky = firstInside(y0, g.stepH); ky < last; ky++) {
        const row = x + <usize>(b * g.H + y0 + ky * g.stepH) * <usize>g.W * stride;
        for (let kx = 0; kx < g.kW; kx++) {
          // the outputs whose window has this place inside the image
          const offset = kx * g.stepW - g.padW;
          const ox0 = firstInside(offset, g.strideW);
          const ox1 = lastInside(offset, g.strideW, g.outW, g.W);
          const to = mine + <usize>(ky * g.kW + kx) * stride;
          for (let c = 0; c < C; c += 4) {
            const at = <usize>c << 2;
            let from = row + <usize>(ox0 * g.strideW + offset) * stride + at;
            let gradient = dy + <usize>(line * g.outW + ox0) * stride + at;
            let sum = v128.load(to + at);
            for (let ox = ox0; ox < ox1; ox++) {
              sum = madd(v128.load(from), v128.load(gradient), sum);
              from += <usize>g.strideW * stride;
              gradient += stride;
            }
            storePart(to + at, sum, C - c);
          }
        }
      }
    }
  }
}
