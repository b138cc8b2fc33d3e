/// <reference lib="esnext.disposable" preserve="true" />
import * as tf from '@tensorflow/tfjs';
import { isParam, type Params, type Spec } from './spec.js';

/** Nested records and lists of tensors. */
export type Tree = tf.Tensor | readonly Tree[] | { readonly [key: string]: Tree | undefined };

/** A flattened tree: tensors by path, which is their name in files. */
export type Flat = { [path: string]: tf.Tensor };

/** Flattens a tree to its tensors by path; tensors are not copied. */
export function flatten(tree: Tree): Flat {
  const flat: Flat = {};
  visit(tree, '', (path, tensor) => {
    flat[path] = tensor;
  });
  return flat;
}

function visit(tree: Tree, path: string, leaf: (path: string, tensor: tf.Tensor) => void): void {
  if (tree instanceof tf.Tensor) {
    leaf(path, tree);
    return;
  }
  for (const [key, child] of Object.entries(tree as { [key: string]: Tree | undefined })) {
    if (child !== undefined) visit(child, path ? `${path}.${key}` : key, leaf);
  }
}

/**
 * Builds the tree that a spec describes from tensors by path; tensors are not copied.
 * @throws when a leaf of the spec has no tensor
 */
export function unflatten<S extends Spec>(spec: S, flat: Flat): Params<S> {
  const build = (node: Spec, path: string): unknown => {
    if (isParam(node)) {
      const tensor = flat[path];
      if (!tensor) throw new Error(`There is no tensor for the parameter '${path}'.`);
      return tensor;
    }
    if (Array.isArray(node)) return node.map((child, i) => build(child, path ? `${path}.${i}` : `${i}`));
    return Object.fromEntries(
      Object.entries(node as { [key: string]: Spec | undefined })
        .filter(([, child]) => child !== undefined)
        .map(([key, child]) => [key, build(child as Spec, path ? `${path}.${key}` : key)]),
    );
  };
  return build(spec, '') as Params<S>;
}

/** Maps the tensors of a tree, in the order of `flatten`, to a tree of the same structure. */
export function mapTree<T extends Tree>(tree: T, fn: (tensor: tf.Tensor) => tf.Tensor): T {
  if (tree instanceof tf.Tensor) return fn(tree) as T;
  if (Array.isArray(tree)) return tree.map((child: Tree) => mapTree(child, fn)) as unknown as T;
  const entries = Object.entries(tree as { [key: string]: Tree | undefined });
  return Object.fromEntries(entries.map(([key, child]) => [key, child && mapTree(child, fn)])) as unknown as T;
}

/** Maps the tensors of a flat tree. */
export function mapFlat(flat: Flat, fn: (tensor: tf.Tensor, path: string) => tf.Tensor): Flat {
  return Object.fromEntries(Object.entries(flat).map(([path, tensor]) => [path, fn(tensor, path)]));
}

/** Frees all tensors of a tree. */
export function dispose(tree: Tree): void {
  for (const tensor of Object.values(flatten(tree))) tensor.dispose();
}

/** Keeps all tensors of a tree beyond the current `tf.tidy`. */
export function keep<T extends Tree>(tree: T): T {
  for (const tensor of Object.values(flatten(tree))) tf.keep(tensor);
  return tree;
}

/** Adds a `Symbol.dispose` to a tree that frees its tensors, for `using p = disposable(await bind(spec, source))`. */
export function disposable<T extends object & Tree>(tree: T): T & Disposable {
  return Object.defineProperty(tree, Symbol.dispose, { value: () => dispose(tree), enumerable: false }) as T &
    Disposable;
}
