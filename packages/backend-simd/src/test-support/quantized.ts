import { dequantize, type QuantizedValues } from '@blip2/tensor';

const { fround } = Math;

function nearestEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
}

/** A row as int8 in blocks of 32 with a scale each, as assembly/activations.ts has it. */
export function quantizedRow(x: Float32Array): { q: Int8Array; scales: Float32Array } {
  const blocks = Math.ceil(x.length / 32);
  const q = new Int8Array(32 * blocks);
  const scales = new Float32Array(blocks);
  for (let b = 0; b < blocks; b++) {
    const own = x.subarray(32 * b, 32 * (b + 1));
    const most = own.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    const factor = most < 1e-30 ? 0 : fround(127 / most);
    scales[b] = most < 1e-30 ? 0 : most / 127;
    for (const [i, v] of own.entries()) q[32 * b + i] = nearestEven(fround(v * factor));
  }
  return { q, scales };
}

/** One row of a packed weight in parts, each `factor·q - offset` with whole numbers q. */
interface Part {
  readonly q: readonly number[];
  readonly factor: number;
  readonly offset: number;
}

/** Parts of 32 values, 16 of Q6_K. Whole numbers and factors come back from the unpacked values of a block with other scales. */
function partsOf({ format, shape: [, K], bytes, scales }: QuantizedValues, row: number): Part[] {
  const unpacked = (own: Uint8Array, size: number): Float32Array =>
    dequantize({ format, shape: [1, size], bytes: own, scales: format === 'I8' ? Float32Array.of(1) : undefined });
  const [size, block] = {
    I8: [32, 32],
    Q8_0: [32, 34],
    Q4_0: [32, 18],
    Q4_1: [32, 20],
    Q4_K: [256, 144],
    Q6_K: [256, 210],
  }[format as string] as [number, number];
  void scales;
  const parts: Part[] = [];
  const rowBytes = format === 'I8' ? K : (K / size) * block;
  for (let at = row * rowBytes; at < (row + 1) * rowBytes; at += block) {
    const own = bytes.slice(at, Math.min(at + block, (row + 1) * rowBytes));
    const count = format === 'I8' ? own.length : size;
    const one = own.slice();
    // A scale of 1 (and a minimum of 0) gives the whole numbers, a scale of 1 with numbers of 1 gives the factors.
    const setHalf = (to: Uint8Array, place: number, bits: number): void => {
      to[place] = bits & 255;
      to[place + 1] = bits >> 8;
    };
    const ONE = 0x3c00;
    const half = (place: number): number =>
      dequantize({ format: 'F16', shape: [1, 1], bytes: own.slice(place, place + 2) })[0]!;
    if (format === 'I8') parts.push({ q: [...unpacked(own, count)], factor: 1, offset: 0 });
    if (format === 'Q8_0' || format === 'Q4_0') {
      setHalf(one, 0, ONE);
      parts.push({ q: [...unpacked(one, 32)], factor: half(0), offset: 0 });
    }
    if (format === 'Q4_1') {
      setHalf(one, 0, ONE);
      setHalf(one, 2, 0);
      parts.push({ q: [...unpacked(one, 32)], factor: half(0), offset: -half(2) });
    }
    if (format === 'Q4_K') {
      const numbers = (fill: number, d: number, m: number): Float32Array => {
        const copy = own.slice();
        copy.fill(fill, 16);
        setHalf(copy, 0, d);
        setHalf(copy, 2, m);
        return unpacked(copy, 256);
      };
      const [byScale, byMinimum] = [numbers(0x11, ONE, 0), numbers(0, 0, ONE)];
      for (let p = 0; p < 8; p++) {
        const q = Array.from({ length: 32 }, (_, l) => (own[16 + 32 * (p >> 1) + l]! >> (4 * (p & 1))) & 15);
        const [scale, minimum] = [byScale[32 * p]!, -byMinimum[32 * p]!];
        parts.push({ q, factor: fround(half(0) * scale), offset: fround(half(2) * minimum) });
      }
    }
    if (format === 'Q6_K') {
      setHalf(one, 208, ONE);
      one.fill(1, 192, 208);
      const q = unpacked(one, 256);
      for (let p = 0; p < 16; p++) {
        const scale = (own[192 + p]! << 24) >> 24;
        parts.push({ q: [...q.subarray(16 * p, 16 * (p + 1))], factor: fround(half(208) * scale), offset: 0 });
      }
    }
  }
  return parts;
}

/** x [M,K] · Wᵀ + bias + residual, with the roundings of assembly/quantized.ts. */
export function quantizedReference(
  x: Float32Array,
  w: QuantizedValues,
  { bias, residual }: { bias?: Float32Array | undefined; residual?: Float32Array | undefined } = {},
): Float32Array {
  const [N, K] = w.shape;
  const M = x.length / K;
  const y = new Float32Array(M * N);
  const rows = Array.from({ length: M }, (_, m) => quantizedRow(x.subarray(m * K, (m + 1) * K)));
  for (let n = 0; n < N; n++) {
    const parts = partsOf(w, n);
    for (const [m, { q, scales }] of rows.entries()) {
      let sum = 0;
      let at = 0;
      for (const part of parts) {
        const scale = scales[at >> 5]!;
        let dot = 0;
        let own = 0;
        for (const [i, v] of part.q.entries()) {
          dot += v * q[at + i]!;
          own += q[at + i]!;
        }
        at += part.q.length;
        if (w.format === 'Q4_1' || w.format === 'Q4_K') {
          const [first, second] = [fround(dot * part.factor), fround(own * part.offset)];
          sum = fround(sum + fround(fround(first - second) * scale));
        } else sum = fround(sum + fround(dot * fround(part.factor * scale)));
      }
      if (w.scales) sum = fround(sum * w.scales[n]!);
      if (bias) sum = fround(sum + bias[n]!);
      if (residual) sum = fround(sum + residual[m * N + n]!);
      y[m * N + n] = sum;
    }
  }
  return y;
}
