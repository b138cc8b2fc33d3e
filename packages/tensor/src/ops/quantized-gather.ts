import * as tf from '@tensorflow/tfjs';
import { dequantizeRow } from '../quantized/dequantize.js';
import type { QuantizedMatrix } from '../quantized/matrix.js';
import { runNamed } from './named.js';
import { attributes, packedInputs } from './quantized-linear.js';

/**
 * Looks up rows of a packed matrix, which alone are unpacked.
 * @param ids int32 [...]
 * @returns [...,input]
 * @throws for an id that is no row
 */
export function quantizedGatherOp(weight: QuantizedMatrix, ids: tf.Tensor): tf.Tensor {
  return (
    runNamed('QuantizedGather', { ids, ...packedInputs(weight) }, { ...attributes(weight) })?.[0] ??
    composed(weight, ids)
  );
}

function composed(weight: QuantizedMatrix, ids: tf.Tensor): tf.Tensor {
  const [output, input] = weight.shape as [number, number];
  const values = weight.values();
  const rows = new Float32Array(ids.size * input);
  for (const [i, id] of (ids.dataSync() as Int32Array).entries()) {
    if (!(id >= 0 && id < output)) throw new Error(`The id ${id} is no row of a matrix of ${output} rows.`);
    dequantizeRow(values, id, rows.subarray(i * input, (i + 1) * input));
  }
  return tf.tensor(rows, [...ids.shape, input], 'float32');
}
