import * as tf from '@tensorflow/tfjs';

/** The keys and values of past positions in a decoder layer, [B,L,D] each, with the heads in contiguous blocks. */
export interface KeyValue {
  readonly key: tf.Tensor;
  readonly value: tf.Tensor;
}

/**
 * Concatenates past and new keys and values along the axis of positions, differentiably.
 * @param past [B,P,D], or undefined at the first step; stays the caller's
 * @param next [B,L,D]
 * @returns [B,P+L,D], owned by the caller
 */
export function appendKeyValue(past: KeyValue | undefined, next: KeyValue): KeyValue {
  if (!past) return { key: next.key.clone(), value: next.value.clone() };
  return { key: tf.concat([past.key, next.key], 1), value: tf.concat([past.value, next.value], 1) };
}

/**
 * Selects the rows `beamIndex` of keys and values, as beam search needs after each step.
 * @param beamIndex int32 [B']
 * @returns [B',L,D], owned by the caller
 */
export function reorderKeyValue(cache: KeyValue, beamIndex: tf.Tensor1D): KeyValue {
  return { key: tf.gather(cache.key, beamIndex), value: tf.gather(cache.value, beamIndex) };
}
