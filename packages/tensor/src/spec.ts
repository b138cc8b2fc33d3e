import type * as tf from '@tensorflow/tfjs';
import { gaussian, type Rng } from './random.js';

export type Shape = readonly number[];

/** Makes the first values of a parameter from its shape and a seeded source of numbers. */
export type Initializer = (shape: Shape, random: Rng) => Float32Array;

/** The leaf of a spec: the shape of one parameter and how it begins. */
export interface ParamSpec {
  readonly kind: 'param';
  readonly shape: Shape;
  readonly init: Initializer;
}

/** A model's parameters, described: nested records and lists whose keys are the checkpoint's names verbatim. */
export type Spec = ParamSpec | readonly Spec[] | { readonly [key: string]: Spec | undefined };

/** The tree of tensors that a spec describes. */
export type Params<S> = S extends ParamSpec
  ? tf.Tensor
  : S extends readonly (infer E)[]
    ? Params<E>[]
    : { [K in keyof S]: S[K] extends infer V ? (V extends undefined ? undefined : Params<V>) : never };

export function param(shape: Shape, init: Initializer): ParamSpec {
  return { kind: 'param', shape, init };
}

export function isParam(spec: unknown): spec is ParamSpec {
  return typeof spec === 'object' && spec !== null && (spec as ParamSpec).kind === 'param';
}

export const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

const filled = (value: number): Initializer => {
  return (shape) => new Float32Array(sizeOf(shape)).fill(value);
};

export const zeros: Initializer = filled(0);
export const ones: Initializer = filled(1);
export const constant = filled;

/** N(0, std²). */
export function normal(std: number): Initializer {
  return (shape, random) => Float32Array.from({ length: sizeOf(shape) }, () => std * gaussian(random));
}

/** U(-bound, bound). */
export function uniform(bound: number): Initializer {
  return (shape, random) => Float32Array.from({ length: sizeOf(shape) }, () => bound * (2 * random() - 1));
}

/** Every leaf of a spec with its path: keys and list positions joined by dots. */
export function specLeaves(spec: Spec, path = ''): [path: string, leaf: ParamSpec][] {
  if (isParam(spec)) return [[path, spec]];
  return Object.entries(spec as { [key: string]: Spec | undefined }).flatMap(([key, child]) =>
    child === undefined ? [] : specLeaves(child, path ? `${path}.${key}` : key),
  );
}

/** How many numbers the parameters of a spec hold; allocates none of them. */
export function countParameters(spec: Spec): number {
  return specLeaves(spec).reduce((sum, [, leaf]) => sum + sizeOf(leaf.shape), 0);
}
