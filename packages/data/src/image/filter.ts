/** A resampling filter, zero at a distance of `support` and beyond. */
export interface Filter {
  readonly support: number;
  readonly kernel: (distance: number) => number;
}

function bicubic(distance: number): number {
  const t = Math.abs(distance); // a = -0.5
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** Names of the resampling filters, as in Pillow. */
export type FilterName = 'bilinear' | 'bicubic' | 'lanczos';

/** Pillow's filters of the same names. */
export const filters: Readonly<Record<FilterName, Filter>> = {
  bilinear: { support: 1, kernel: (distance) => Math.max(0, 1 - Math.abs(distance)) },
  bicubic: { support: 2, kernel: bicubic },
  lanczos: { support: 3, kernel: (t) => (t >= -3 && t < 3 ? sinc(t) * sinc(t / 3) : 0) },
};

/** Weights for one axis: output `x` is the sum over `k < count[x]` of `weights[x * taps + k] * input[start[x] + k]`. */
export interface Weights {
  readonly taps: number;
  readonly start: Int32Array;
  readonly count: Int32Array;
  /** Fixed point, 22 bits after the point. */
  readonly weights: Int32Array;
}

export const FRACTION_BITS = 22;

/** Pillow's weights for one axis: the filter grows with the scale when shrinking, sums are 1 before rounding. */
export function filterWeights(input: number, output: number, filter: Filter): Weights {
  const scale = input / output;
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  const taps = Math.ceil(support) * 2 + 1;
  const start = new Int32Array(output);
  const count = new Int32Array(output);
  const weights = new Int32Array(output * taps);
  const row = new Float64Array(taps);
  for (let x = 0; x < output; x++) {
    const center = (x + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const length = Math.min(input, Math.trunc(center + support + 0.5)) - first;
    let total = 0;
    for (let k = 0; k < length; k++) {
      row[k] = filter.kernel((k + first - center + 0.5) * (1 / stretch));
      total += row[k]!;
    }
    for (let k = 0; k < length; k++) {
      const weight = (total === 0 ? row[k]! : row[k]! / total) * 2 ** FRACTION_BITS;
      weights[x * taps + k] = Math.trunc(weight + (weight < 0 ? -0.5 : 0.5));
    }
    start[x] = first;
    count[x] = length;
  }
  return { taps, start, count, weights };
}
