import * as tf from '@tensorflow/tfjs';
import type { SimdBackend } from '../backend.js';
import type { Kernels } from '../functions.js';

/** The functions of assembly/index.ts. */
export type Wasm = Kernels<
  | 'packB'
  | 'gemm'
  | 'gemmEach'
  | 'gemmPanels'
  | 'gemvRows'
  | 'gemvColumns'
  | 'unary'
  | 'binary'
  | 'binaryFlat'
  | 'gelu'
  | 'geluGrad'
  | 'gated'
  | 'gatedGrad'
  | 'select32'
  | 'cast'
  | 'fill32'
  | 'softmax'
  | 'logSoftmax'
  | 'crossEntropy'
  | 'crossEntropyGrad'
  | 'layerNorm'
  | 'layerNormGrad'
  | 'rmsNorm'
  | 'rmsNormGrad'
  | 'argBest'
  | 'topK'
  | 'scan'
  | 'batchNorm'
  | 'batchNormScale'
  | 'resizeLinear'
  | 'resizeLinearGrad'
  | 'resizeNearest'
  | 'resizeNearestGrad'
  | 'reduceRows'
  | 'reduceColumns'
  | 'stridedCopy'
  | 'transposePlanes'
  | 'gatherRows'
  | 'scatterAdd'
  | 'im2col'
  | 'col2im'
  | 'depthwise'
  | 'depthwiseInput'
  | 'depthwiseFilter'
  | 'pooling'
  | 'poolingGrad'
  | 'dropout'
  | 'adamw'
  | 'widen'
  | 'quantizeActivations'
  | 'quantizedProduct'
  | 'halfProduct'
  | 'unpackRows'
>;

export interface Call<Attributes = Record<string, unknown>> {
  backend: SimdBackend;
  wasm: Wasm;
  inputs: Record<string, tf.TensorInfo>;
  attrs: Attributes;
}

/** Computes an op, or returns undefined where tfjs' cpu kernel shall (other types, rare cases). */
export type FastKernel = (call: Call) => tf.TensorInfo | tf.TensorInfo[] | undefined;

export const sizeOf = (x: { shape: number[] }): number => tf.util.sizeFromShape(x.shape);

/** The number of addition in assembly/binary.ts. */
export const ADD = 0;

/** Four-lane vectors that cover a tensor. */
export const vectors = (size: number): number => Math.ceil(size / 4);

export const allFloat = (...tensors: (tf.TensorInfo | undefined)[]): boolean =>
  tensors.every((x) => x === undefined || x.dtype === 'float32');

/** The types whose elements are 32-bit words. */
export type Word = 'float32' | 'int32';
export const isWord = (x: tf.TensorInfo): x is tf.TensorInfo & { dtype: Word } =>
  x.dtype === 'float32' || x.dtype === 'int32';
