import { splat, storePart } from './math';
import { copyWords } from './move';
import { Windows } from './window';

@inline
function zeroWords(to: usize, n: i32): void {
  for (let j = 0; j < n; j += 4) storePart(to + (<usize>j << 2), splat(0), n - j);
}

/** Rows [begin, end) of col [rows, kH·kW·C]: the windows of x from the window `first` on, zeros outside the image. */
export function im2col(begin: i32, end: i32, thread: i32, windows: usize, x: usize, col: usize, first: i32): void {
  const g = changetype<Windows>(windows);
  const C = g.C;
  const depth = <usize>(g.kH * g.kW * C) << 2;
  for (let item = begin; item < end; item++) {
    const line = (first + item) / g.outW;
    const b = line / g.outH;
    const y0 = (line - b * g.outH) * g.strideH - g.padH;
    const x0 = (first + item - line * g.outW) * g.strideW - g.padW;
    let to = col + <usize>item * depth;
    for (let ky = 0; ky < g.kH; ky++) {
      const iy = y0 + ky * g.stepH;
      if (<u32>iy >= <u32>g.H) {
        zeroWords(to, g.kW * C);
        to += <usize>(g.kW * C) << 2;
        continue;
      }
      const row = x + (<usize>(b * g.H + iy) * <usize>(g.W * C) << 2);
      if (g.stepW == 1 && x0 >= 0 && x0 + g.kW <= g.W) {
        copyWords(to, row + (<usize>(x0 * C) << 2), g.kW * C);
        to += <usize>(g.kW * C) << 2;
        continue;
      }
      for (let kx = 0; kx < g.kW; kx++) {
        const ix = x0 + kx * g.stepW;
        if (<u32>ix < <u32>g.W) copyWords(to, row + (<usize>(ix * C) << 2), C);
        else zeroWords(to, C);
        to += <usize>C << 2;
      }
    }
  }
}

@inline
function addWords(to: usize, from: usize, n: i32): void {
  for (let j = 0; j < n; j += 4) {
    const at = <usize>j << 2;
    storePart(to + at, f32x4.add(v128.load(to + at), v128.load(from + at)), n - j);
  }
}

/**
 * Adds the windows of the output lines [line0, line1) (of all images in a row) to the lines of dx [B·H, W, C] from
 * `first` on, of which [begin, end) here; col is [(line1 - line0)·outW, kH·kW·C].
 */
export function col2im(
  begin: i32, end: i32, thread: i32, windows: usize, col: usize, dx: usize, first: i32, line0: i32, line1: i32,
): void {
  const g = changetype<Windows>(windows);
  const C = g.C;
  const depth = g.kH * g.kW * C;
  for (let item = begin; item < end; item++) {
    const b = (first + item) / g.H;
    const iy = first + item - b * g.H;
    const to = dx + (<usize>(first + item) * <usize>(g.W * C) << 2);
    for (let ky = 0; ky < g.kH; ky++) {
      const reach = iy + g.padH - ky * g.stepH;
      if (reach < 0 || reach % g.strideH != 0 || reach / g.strideH >= g.outH) continue;
      const line = b * g.outH + reach / g.strideH;
      if (line < line0 || line >= line1) continue;
      for (let ox = 0; ox < g.outW; ox++) {
        const from = col + (<usize>((line - line0) * g.outW + ox) * <usize>depth + <usize>(ky * g.kW * C) << 2);
        const x0 = ox * g.strideW - g.padW;
        if (g.stepW == 1) {
          const k0 = max(0, -x0);
          const k1 = min(g.kW, g.W - x0);
          if (k1 > k0) addWords(to + (<usize>((x0 + k0) * C) << 2), from + (<usize>(k0 * C) << 2), (k1 - k0) * C);
          continue;
        }
        for (let kx = 0; kx < g.kW; kx++) {
          const ix = x0 + kx * g.stepW;
          if (<u32>ix < <u32>g.W) addWords(to + (<usize>(ix * C) << 2), from + (<usize>(kx * C) << 2), C);
        }
      }
    }
  }
}
