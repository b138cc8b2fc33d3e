import { madd, splat, storePart } from './math';
import { copyWords } from './move';

// Images [B, H, W, C] to [B, outH, outW, C]. The source of place i is i·ratio + shift, in double precision as in tfjs.

@inline
function mix(a: v128, b: v128, share: v128): v128 {
  return madd(f32x4.sub(b, a), share, a);
}

/** Output lines [begin, end) by bilinear interpolation. */
export function resizeLinear(
  begin: i32, end: i32, thread: i32, x: usize, y: usize, H: i32, W: i32, C: i32, outH: i32, outW: i32,
  ratioH: f64, ratioW: f64, shiftH: f64, shiftW: f64,
): void {
  const stride = <usize>C << 2;
  for (let line = begin; line < end; line++) {
    const b = line / outH;
    const sourceY = <f64>(line - b * outH) * ratioH + shiftH;
    const y0 = max(0, <i32>floor(sourceY));
    const y1 = min(H - 1, <i32>ceil(sourceY));
    const shareY = splat(<f32>(sourceY - <f64>y0));
    const top = x + <usize>((b * H + y0) * W) * stride;
    const bottom = x + <usize>((b * H + y1) * W) * stride;
    for (let j = 0; j < outW; j++) {
      const sourceX = <f64>j * ratioW + shiftW;
      const x0 = max(0, <i32>floor(sourceX));
      const x1 = min(W - 1, <i32>ceil(sourceX));
      const shareX = splat(<f32>(sourceX - <f64>x0));
      const left = <usize>x0 * stride;
      const right = <usize>x1 * stride;
      const to = y + <usize>(line * outW + j) * stride;
      for (let c = 0; c < C; c += 4) {
        const at = <usize>c << 2;
        const above = mix(v128.load(top + left + at), v128.load(top + right + at), shareX);
        const below = mix(v128.load(bottom + left + at), v128.load(bottom + right + at), shareX);
        storePart(to + at, mix(above, below, shareY), C - c);
      }
    }
  }
}

@inline
function gain(to: usize, gradient: v128, share: f64, n: i32): void {
  storePart(to, madd(gradient, splat(<f32>share), v128.load(to)), n);
}

/** Images [begin, end): dx, cleared before, from dy [B, outH, outW, C]. */
export function resizeLinearGrad(
  begin: i32, end: i32, thread: i32, dy: usize, dx: usize, H: i32, W: i32, C: i32, outH: i32, outW: i32,
  ratioH: f64, ratioW: f64, shiftH: f64, shiftW: f64,
): void {
  const stride = <usize>C << 2;
  for (let b = begin; b < end; b++) {
    for (let i = 0; i < outH; i++) {
      const sourceY = <f64>i * ratioH + shiftH;
      const y0 = max(0, <i32>floor(sourceY));
      const y1 = min(H - 1, <i32>ceil(sourceY));
      const shareY = sourceY - <f64>y0;
      const top = dx + <usize>((b * H + y0) * W) * stride;
      const bottom = dx + <usize>((b * H + y1) * W) * stride;
      for (let j = 0; j < outW; j++) {
        const sourceX = <f64>j * ratioW + shiftW;
        const x0 = max(0, <i32>floor(sourceX));
        const x1 = min(W - 1, <i32>ceil(sourceX));
        const shareX = sourceX - <f64>x0;
        const left = <usize>x0 * stride;
        const right = <usize>x1 * stride;
        const from = dy + <usize>((b * outH + i) * outW + j) * stride;
        for (let c = 0; c < C; c += 4) {
          const at = <usize>c << 2;
          const gradient = v128.load(from + at);
          gain(top + left + at, gradient, (1 - shareY) * (1 - shareX), C - c);
          gain(top + right + at, gradient, (1 - shareY) * shareX, C - c);
          gain(bottom + left + at, gradient, shareY * (1 - shareX), C - c);
          gain(bottom + right + at, gradient, shareY * shareX, C - c);
        }
      }
    }
  }
}

@inline
function nearestPlace(i: i32, ratio: f64, shift: f64, length: i32): i32 {
  return min(length - 1, <i32>floor(<f64>i * ratio + shift));
}

/** Output lines [begin, end), each place a copy of the one at floor(i·ratio + shift). */
export function resizeNearest(
  begin: i32, end: i32, thread: i32, x: usize, y: usize, H: i32, W: i32, C: i32, outH: i32, outW: i32,
  ratioH: f64, ratioW: f64, shiftH: f64, shiftW: f64,
): void {
  const stride = <usize>C << 2;
  for (let line = begin; line < end; line++) {
    const b = line / outH;
    const from = x + <usize>((b * H + nearestPlace(line - b * outH, ratioH, shiftH, H)) * W) * stride;
    const to = y + <usize>(line * outW) * stride;
    for (let j = 0; j < outW; j++) {
      copyWords(to + <usize>j * stride, from + <usize>nearestPlace(j, ratioW, shiftW, W) * stride, C);
    }
  }
}

/** Images [begin, end): dx, cleared before, from dy [B, outH, outW, C]. */
export function resizeNearestGrad(
  begin: i32, end: i32, thread: i32, dy: usize, dx: usize, H: i32, W: i32, C: i32, outH: i32, outW: i32,
  ratioH: f64, ratioW: f64, shiftH: f64, shiftW: f64,
): void {
  const stride = <usize>C << 2;
  for (let line = begin * outH; line < end * outH; line++) {
    const b = line / outH;
    const to = dx + <usize>((b * H + nearestPlace(line - b * outH, ratioH, shiftH, H)) * W) * stride;
    const from = dy + <usize>(line * outW) * stride;
    for (let j = 0; j < outW; j++) {
      const pixel = to + <usize>nearestPlace(j, ratioW, shiftW, W) * stride;
      for (let c = 0; c < C; c += 4) {
        const at = <usize>c << 2;
        const gradient = v128.load(from + <usize>j * stride + at);
        storePart(pixel + at, f32x4.add(v128.load(pixel + at), gradient), C - c);
      }
    }
  }
}
