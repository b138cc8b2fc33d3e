import type * as tf from '@tensorflow/tfjs';
import { gaussian, type Rng } from './random.js';

/** The shape of a tensor. */
export type Shape = readonly number[];

/** Computes the initial values of a parameter from its shape and a seeded random generator. */
export type Initializer = (shape: Shape, random: Rng) => Float32Array;

/** A leaf of a spec: the shape and initializer of a parameter. */
export interface ParamSpec {
  readonly kind: 'param';
  readonly shape: Shape;
  readonly init: Initializer;
  /** Set where only `linear` and `embedding` read the parameter, so that a packed matrix, a `QuantizedMatrix`, may be its tensor. */
  readonly packable?: true | undefined;
}

/** A description of a model's parameters: nested records and lists whose keys are the checkpoint's names verbatim. */
export type Spec = ParamSpec | readonly Spec[] | { readonly [key: string]: Spec | undefined };

/** The tree of tensors that a spec describes. */
export type Params<S> = S extends ParamSpec
  ? tf.Tensor
  : S extends readonly (infer E)[]
    ? Params<E>[]
    : { [K in keyof S]: S[K] extends infer V ? (V extends undefined ? undefined : Params<V>) : never };

/** Creates a leaf of a spec. */
export function param(shape: Shape, init: Initializer, options: Pick<ParamSpec, 'packable'> = {}): ParamSpec {
  return { kind: 'param', shape, init, ...options };
}

/** Reports whether a node of a spec is a leaf. */
export function isParam(spec: unknown): spec is ParamSpec {
  return typeof spec === 'object' && spec !== null && (spec as ParamSpec).kind === 'param';
}

/** Returns the number of elements of a shape. */
export const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

const filled = (value: number): Initializer => {
  return (shape) => new Float32Array(sizeOf(shape)).fill(value);
};

/** Initializes with 0. */
export const zeros: Initializer = filled(0);
/** Initializes with 1. */
export const ones: Initializer = filled(1);
/** Creates an initializer of a constant value. */
export const constant = filled;

/** Creates an initializer of normal random numbers, N(0, std²). */
export function normal(std: number): Initializer {
  return (shape, random) => Float32Array.from({ length: sizeOf(shape) }, () => std * gaussian(random));
}

/** Creates an initializer of uniform random numbers, U(-bound, bound). */
export function uniform(bound: number): Initializer {
  return (shape, random) => Float32Array.from({ length: sizeOf(shape) }, () => bound * (2 * random() - 1));
}

/** Lists the leaves of a spec with their paths: keys and list positions joined by dots. */
export function specLeaves(spec: Spec, path = ''): [path: string, leaf: ParamSpec][] {
  if (isParam(spec)) return [[path, spec]];
  return Object.entries(spec as { [key: string]: Spec | undefined }).flatMap(([key, child]) =>
    child === undefined ? [] : specLeaves(child, path ? `${path}.${key}` : key),
  );
}

/** Counts the elements of a spec's parameters, without allocating them. */
export function countParameters(spec: Spec): number {
  return specLeaves(spec).reduce((sum, [, leaf]) => sum + sizeOf(leaf.shape), 0);
}
