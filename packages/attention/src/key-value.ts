import * as tf from '@tensorflow/tfjs';

/** What one layer of a decoder remembers of the past: keys and values [B,L,D], their heads together. */
export interface KeyValue {
  readonly key: tf.Tensor;
  readonly value: tf.Tensor;
}

/**
 * The past followed by what is new, along the axis of positions. The past stays the caller's.
 * @param past [B,P,D], or undefined at the first step
 * @param next [B,L,D]
 * @returns [B,P+L,D], owned by the caller
 */
export function appendKeyValue(past: KeyValue | undefined, next: KeyValue): KeyValue {
  if (!past) return { key: next.key.clone(), value: next.value.clone() };
  return { key: tf.concat([past.key, next.key], 1), value: tf.concat([past.value, next.value], 1) };
}

/**
 * The cache whose row i is row `beamIndex[i]` of the given one, as beam search asks after each step.
 * @param beamIndex int32 [B']
 * @returns [B',L,D], owned by the caller
 */
export function reorderKeyValue(cache: KeyValue, beamIndex: tf.Tensor1D): KeyValue {
  return { key: tf.gather(cache.key, beamIndex), value: tf.gather(cache.value, beamIndex) };
}
