/** Values and bytes of a block of each format. */
export const BLOCKS = {
  F16: { values: 1, bytes: 2 },
  BF16: { values: 1, bytes: 2 },
  I8: { values: 1, bytes: 1 },
  Q8_0: { values: 32, bytes: 34 },
  Q4_0: { values: 32, bytes: 18 },
  Q4_1: { values: 32, bytes: 20 },
  Q4_K: { values: 256, bytes: 144 },
  Q6_K: { values: 256, bytes: 210 },
} as const;

/**
 * The format of a packed matrix, named as ggml names its block types, whose layouts these are, byte for byte: `F16` and `BF16`
 * are half precision, `Q8_0` 8 bits in blocks of 32 with a scale each, `Q4_0` and `Q4_1` 4 bits in blocks of 32 with a scale and
 * with a scale and a minimum, `Q4_K` and `Q6_K` 4 and 6 bits in blocks of 256 with scales within them. `I8` is not of ggml: 8 bits
 * with one float32 scale per row, kept apart.
 */
export type QuantizedFormat = keyof typeof BLOCKS;

/** The names of all formats of packed matrices. */
export const quantizedFormats = Object.keys(BLOCKS) as QuantizedFormat[];

/** Reports whether a text names a format of packed matrices. */
export const isQuantizedFormat = (text: string): text is QuantizedFormat => Object.hasOwn(BLOCKS, text);

/** The shape of a packed matrix, [output,input]. */
export type MatrixShape = readonly [output: number, input: number];

/** A tensor as a matrix: its first axis, and all others as one. That of a 1x1 convolution is [O,I,1,1]. */
export const matrixShape = ([output = 1, ...rest]: readonly number[]): MatrixShape => [
  output,
  rest.reduce((a, b) => a * b, 1),
];

/** Tells whether a row of so many values is packed in whole blocks of a format. */
export const isPackable = (format: QuantizedFormat, input: number): boolean => input % BLOCKS[format].values === 0;

/**
 * Computes the bytes of a packed matrix, without the scales of `I8`.
 * @throws where rows are not whole blocks
 */
export function packedBytes(format: QuantizedFormat, [output, input]: MatrixShape): number {
  const { values, bytes } = BLOCKS[format];
  if (!isPackable(format, input)) {
    throw new Error(
      `A matrix [${output},${input}] cannot be ${format}: its rows are not whole blocks of ${values}; use I8, F16 or float32.`,
    );
  }
  return output * (input / values) * bytes;
}

/** Computes the bytes of a packed matrix and of the scales of `I8`. @throws where rows are not whole blocks */
export const matrixBytes = (format: QuantizedFormat, shape: MatrixShape): number =>
  packedBytes(format, shape) + (format === 'I8' ? 4 * shape[0] : 0);

/** The values of a packed matrix in memory, outside of TensorFlow.js. */
export interface QuantizedValues {
  /** The layout of `bytes`. */
  readonly format: QuantizedFormat;
  /** [output,input] */
  readonly shape: MatrixShape;
  /** Blocks row by row, `packedBytes(format, shape)` bytes, little-endian. */
  readonly bytes: Uint8Array;
  /** [output], of `I8` alone: the factor of each row. */
  readonly scales?: Float32Array | undefined;
}

/**
 * Checks that the bytes and scales of a packed matrix are as many as its format and shape need.
 * @throws where they are not
 */
export function checkQuantized({ format, shape, bytes, scales }: QuantizedValues): void {
  const [output, input] = shape;
  const needed = packedBytes(format, shape);
  if (bytes.length !== needed) {
    throw new Error(`A ${format} matrix [${output},${input}] has ${needed} bytes, not ${bytes.length}.`);
  }
  checkScales(format, output, scales?.length);
}

/** @throws where a matrix lacks the scales of its rows, or has some that its format does not know */
export function checkScales(format: QuantizedFormat, output: number, found: number | undefined): void {
  const needed = format === 'I8' ? output : undefined;
  if (found !== needed) {
    throw new Error(`A ${format} matrix of ${output} rows has ${needed ?? 'no'} scales, not ${found ?? 'none'}.`);
  }
}
