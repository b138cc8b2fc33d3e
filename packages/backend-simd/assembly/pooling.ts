import { splat, storePart } from './math';
import { firstInside, lastInside, Windows } from './window';

// Windows here have all their places side by side.

const enum Pool { MAX, AVERAGE }

@inline
function pool(op: i32, begin: i32, end: i32, windows: usize, x: usize, y: usize): void {
  const g = changetype<Windows>(windows);
  const C = g.C;
  const stride = <usize>C << 2;
  const rowX = <usize>g.W * stride;
  for (let line = begin; line < end; line++) {
    const b = line / g.outH;
    const iy = (line - b * g.outH) * g.strideH - g.padH;
    const y0 = firstInside(iy, 1);
    const kH = max(0, lastInside(iy, 1, g.kH, g.H) - y0);
    for (let ox = 0; ox < g.outW; ox++) {
      const ix = ox * g.strideW - g.padW;
      const x0 = firstInside(ix, 1);
      const kW = max(0, lastInside(ix, 1, g.kW, g.W) - x0);
      const from = x + <usize>((b * g.H + iy + y0) * g.W + ix + x0) * stride;
      const to = y + <usize>(line * g.outW + ox) * stride;
      const share = splat(<f32>1 / <f32>(kH * kW));
      for (let c = 0; c < C; c += 4) {
        const at = <usize>c << 2;
        let s = splat(op == Pool.MAX ? -Infinity : 0);
        let row = from + at;
        for (let ky = 0; ky < kH; ky++) {
          let place = row;
          for (let kx = 0; kx < kW; kx++) {
            if (op == Pool.MAX) s = f32x4.pmax(s, v128.load(place));
            else s = f32x4.add(s, v128.load(place));
            place += stride;
          }
          row += rowX;
        }
        if (op == Pool.AVERAGE) s = f32x4.mul(s, share);
        storePart(to + at, s, C - c);
      }
    }
  }
}

/** Output lines [begin, end) of all images; a mean counts only what is inside the image. */
export function pooling(begin: i32, end: i32, thread: i32, op: i32, windows: usize, x: usize, y: usize): void {
  if (op == Pool.MAX) pool(Pool.MAX, begin, end, windows, x, y);
  else pool(Pool.AVERAGE, begin, end, windows, x, y);
}

/**
 * Items [begin, end) of a [images, C / 16] grid: dx, cleared before. A maximum's gradient goes to the first place that
 * has it, a mean's to all places in equal parts of the whole window.
 */
@inline
function gradients(
  op: i32, begin: i32, end: i32, windows: usize, dy: usize, x: usize, y: usize, dx: usize,
): void {
  const g = changetype<Windows>(windows);
  const C = g.C;
  const stride = <usize>C << 2;
  const blocks = (C + 15) >> 4;
  const rowX = <usize>g.W * stride;
  const share = splat(<f32>1 / <f32>(g.kH * g.kW));
  for (let item = begin; item < end; item++) {
    const b = item / blocks;
    const c0 = (item - b * blocks) << 4;
    const c1 = min(C, c0 + 16);
    for (let out = 0; out < g.outH * g.outW; out++) {
      const oy = out / g.outW;
      const iy = oy * g.strideH - g.padH;
      const ix = (out - oy * g.outW) * g.strideW - g.padW;
      const y0 = firstInside(iy, 1);
      const kH = lastInside(iy, 1, g.kH, g.H) - y0;
      const x0 = firstInside(ix, 1);
      const kW = lastInside(ix, 1, g.kW, g.W) - x0;
      const corner = <usize>((b * g.H + iy + y0) * g.W + ix + x0) * stride;
      const place = <usize>(b * g.outH * g.outW + out) * stride;
      for (let c = c0; c < c1; c += 4) {
        const at = <usize>c << 2;
        let gradient = v128.load(dy + place + at);
        if (op == Pool.AVERAGE) gradient = f32x4.mul(gradient, share);
        const top = op == Pool.MAX ? v128.load(y + place + at) : splat(0);
        let row = corner + at;
        for (let ky = 0; ky < kH; ky++) {
          let input = row;
          for (let kx = 0; kx < kW; kx++) {
            let gain = gradient;
            if (op == Pool.MAX) {
              const here = f32x4.eq(v128.load(x + input), top);
              gain = v128.and(gradient, here);
              gradient = v128.andnot(gradient, here);
            }
            storePart(dx + input, f32x4.add(v128.load(dx + input), gain), C - c);
            input += stride;
          }
          row += rowX;
        }
      }
    }
  }
}

export function poolingGrad(
  begin: i32, end: i32, thread: i32, op: i32, windows: usize, dy: usize, x: usize, y: usize, dx: usize,
): void {
  if (op == Pool.MAX) gradients(Pool.MAX, begin, end, windows, dy, x, y, dx);
  else gradients(Pool.AVERAGE, begin, end, windows, dy, x, y, dx);
}
