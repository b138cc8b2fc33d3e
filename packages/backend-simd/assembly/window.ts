/** Windows that slide over images [B, H, W, C], as src/kernels/window.ts writes it; outputs are [outH, outW]. */
@unmanaged
export class Windows {
  H: i32;
  W: i32;
  C: i32;
  outH: i32;
  outW: i32;
  /** Size of a window, its stride, and the distance between its places. */
  kH: i32;
  kW: i32;
  strideH: i32;
  strideW: i32;
  stepH: i32;
  stepW: i32;
  padH: i32;
  padW: i32;
}

/** The first place of a window from `origin` that is not before the image. */
@inline
export function firstInside(origin: i32, step: i32): i32 {
  return origin >= 0 ? 0 : (step - 1 - origin) / step;
}

/** After the last of `size` places of a window from `origin` that is inside an image of `length`. */
@inline
export function lastInside(origin: i32, step: i32, size: i32, length: i32): i32 {
  return origin >= length ? 0 : min(size, (length - origin + step - 1) / step);
}
