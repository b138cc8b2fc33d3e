import * as tf from '@tensorflow/tfjs';
import { dequantize } from './dequantize.js';
import {
  checkQuantized,
  checkScales,
  type MatrixShape,
  packedBytes,
  type QuantizedFormat,
  type QuantizedValues,
} from './formats.js';

/** The tensors of a packed matrix. */
export interface QuantizedParts {
  /** The layout of the packed bytes. */
  readonly format: QuantizedFormat;
  /** [output,input] */
  readonly shape: MatrixShape;
  /** int32, the packed bytes in words of four, the last one filled up with any bytes. */
  readonly words: tf.Tensor;
  /** float32 [output], of `I8` alone. */
  readonly scales?: tf.Tensor | undefined;
}

/**
 * A frozen matrix [output,input] that stays packed: a leaf of a parameter tree in the place of a dense weight, which `linear`
 * and `embedding` compute with. To other code it is a float32 tensor whose values can be read, but no op of TensorFlow.js takes
 * it. It owns its tensors, which outlive scopes and are freed by `dispose`.
 */
export class QuantizedMatrix extends tf.Tensor {
  /** The layout of the packed bytes. */
  readonly format: QuantizedFormat;
  /** int32, the packed bytes in words of four. */
  readonly words: tf.Tensor;
  /** float32 [output], of `I8` alone: the factor of each row. */
  readonly scales: tf.Tensor | undefined;

  /** @throws where words or scales are not as many as format and shape need */
  constructor({ format, shape, words, scales }: QuantizedParts) {
    const needed = Math.ceil(packedBytes(format, shape) / 4);
    if (words.dtype !== 'int32' || words.size !== needed)
      throw new Error(`A ${format} matrix [${shape}] has ${needed} words, not ${words.dtype} [${words.shape}].`);
    checkScales(format, shape[0], scales?.size);
    super([...shape], 'float32', {}, words.id);
    this.format = format;
    this.words = tf.keep(words);
    this.scales = scales && tf.keep(scales);
    Object.defineProperty(this, 'dataId', {
      get: () => {
        throw new Error(
          `A matrix [${shape}] that is packed as ${format} is no input of this op; use linear or embedding, or dequantize it.`,
        );
      },
    });
  }

  /** The packed bytes and the scales, copied. */
  values(): QuantizedValues {
    return valuesOf(this, this.words.dataSync(), this.scales?.dataSync());
  }

  override async data<D extends tf.DataType = tf.NumericDataType>(): Promise<tf.DataTypeMap[D]> {
    const [words, scales] = await Promise.all([this.words.data(), this.scales?.data()]);
    return dequantize(valuesOf(this, words, scales)) as tf.DataTypeMap[D];
  }

  override dataSync<D extends tf.DataType = tf.NumericDataType>(): tf.DataTypeMap[D] {
    return dequantize(this.values()) as tf.DataTypeMap[D];
  }

  /** Returns a matrix of its own that shares the packed bytes. */
  override clone<T extends tf.Tensor>(this: T): T {
    const { format, shape, words, scales } = this as unknown as QuantizedMatrix;
    const parts = { format, shape: shape as [number, number], words: words.clone(), scales: scales?.clone() };
    return new QuantizedMatrix(parts) as tf.Tensor as T;
  }

  override dispose(): void {
    this.words.dispose();
    this.scales?.dispose();
  }

  override get isDisposed(): boolean {
    return this.words.isDisposed;
  }
}

type Numbers = tf.DataTypeMap[tf.NumericDataType];

function valuesOf({ format, shape }: QuantizedMatrix, words: Numbers, scales: Numbers | undefined): QuantizedValues {
  const size = packedBytes(format, shape as [number, number]);
  const bytes = new Uint8Array(words.buffer, words.byteOffset, size);
  return { format, shape: shape as [number, number], bytes, scales: scales as Float32Array | undefined };
}

/** Tells whether a weight is a packed matrix. */
export const isQuantized = (weight: tf.Tensor): weight is QuantizedMatrix => 'words' in weight;

/**
 * Creates a packed matrix of the current backend from values in memory, which are copied; the caller owns it.
 * @throws where bytes or scales are not as many as format and shape need
 */
export function quantizedMatrix(values: QuantizedValues): QuantizedMatrix {
  checkQuantized(values);
  const { format, shape, bytes, scales } = values;
  return new QuantizedMatrix({
    format,
    shape,
    words: tf.tensor1d(wordsOf(bytes), 'int32'),
    scales: scales && tf.tensor1d(scales, 'float32'),
  });
}

/** The bytes in words of four; a view of them where they are aligned and whole words. */
function wordsOf(bytes: Uint8Array): Int32Array {
  const size = Math.ceil(bytes.length / 4);
  if (bytes.byteOffset % 4 === 0 && bytes.length % 4 === 0) return new Int32Array(bytes.buffer, bytes.byteOffset, size);
  const words = new Int32Array(size);
  new Uint8Array(words.buffer).set(bytes);
  return words;
}
