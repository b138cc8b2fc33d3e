/// <reference lib="esnext.disposable" preserve="true" />
import * as tf from '@tensorflow/tfjs';
import { isParam, type Params, type Spec } from './spec.js';

/** Nested records and lists of tensors. */
export type Tree = tf.Tensor | readonly Tree[] | { readonly [key: string]: Tree | undefined };

/** A tree laid flat: tensors by path, which is their name in the file. */
export type Flat = { [path: string]: tf.Tensor };

/** Every tensor of a tree by its path. The tensors are the same ones, not copies. */
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
 * The tree that `spec` describes, made of the tensors of `flat`.
 * @throws when a leaf of the spec has no tensor.
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

/** A tree of the same nesting, each tensor replaced by what `fn` makes of it; in the order of `flatten`. */
export function mapTree<T extends Tree>(tree: T, fn: (tensor: tf.Tensor) => tf.Tensor): T {
  if (tree instanceof tf.Tensor) return fn(tree) as T;
  if (Array.isArray(tree)) return tree.map((child: Tree) => mapTree(child, fn)) as unknown as T;
  const entries = Object.entries(tree as { [key: string]: Tree | undefined });
  return Object.fromEntries(entries.map(([key, child]) => [key, child && mapTree(child, fn)])) as unknown as T;
}

/** A flat tree with each tensor replaced by what `fn` makes of it. */
export function mapFlat(flat: Flat, fn: (tensor: tf.Tensor, path: string) => tf.Tensor): Flat {
  return Object.fromEntries(Object.entries(flat).map(([path, tensor]) => [path, fn(tensor, path)]));
}

/** Frees every tensor of a tree. Called by whoever made the tree. */
export function dispose(tree: Tree): void {
  for (const tensor of Object.values(flatten(tree))) tensor.dispose();
}

/** Takes every tensor of a tree out of the scope that would free it. */
export function keep<T extends Tree>(tree: T): T {
  for (const tensor of Object.values(flatten(tree))) tf.keep(tensor);
  return tree;
}

/** The same tree with a `Symbol.dispose` that frees it: for `using model = disposable(await bind(...))`. */
export function disposable<T extends object & Tree>(tree: T): T & Disposable {
  return Object.defineProperty(tree, Symbol.dispose, { value: () => dispose(tree), enumerable: false }) as T &
    Disposable;
}
