import type { LayerNorm, Linear, Tree } from '@blip2/tensor';
import type * as tf from '@tensorflow/tfjs';
import type { VitConfig } from './config.js';
import { type BlockNames, family } from './families.js';
import { depth, type VisionOptions, type VisionParams } from './spec.js';

/** A tree's tensors by what they do, whatever the family calls them. */
export interface Roles {
  readonly patch: Linear;
  readonly classToken: tf.Tensor | undefined;
  readonly positions: tf.Tensor;
  readonly preNorm: LayerNorm | undefined;
  readonly blocks: readonly BlockRoles[];
  readonly finalNorm: LayerNorm | undefined;
}

/** The tensors of a block by their roles. */
export interface BlockRoles {
  readonly norm1: LayerNorm;
  readonly attention:
    | { readonly fused: Linear }
    | { readonly query: Linear; readonly key: Linear; readonly value: Linear };
  readonly projection: Linear;
  readonly scale1: tf.Tensor | undefined;
  readonly norm2: LayerNorm;
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly scale2: tf.Tensor | undefined;
}

/** Finds a tree's tensors by their roles. @throws naming what the tree lacks */
export function rolesOf(params: VisionParams, config: VitConfig, options: VisionOptions): Roles {
  const names = family(config.family);
  return {
    patch: at<Linear>(params, names.patch.path),
    classToken: names.classToken && at<tf.Tensor>(params, names.classToken.path),
    positions: at<tf.Tensor>(params, names.positions.path),
    preNorm: names.preNorm === undefined ? undefined : at<LayerNorm>(params, names.preNorm),
    blocks: Array.from({ length: depth(config, options.layer) }, (_, i) =>
      blockRoles(params, `${names.layers}.${i}.`, names.block),
    ),
    finalNorm: options.finalNorm ? at<LayerNorm>(params, names.finalNorm) : undefined,
  };
}

function blockRoles(params: VisionParams, prefix: string, names: BlockNames): BlockRoles {
  const norm = (path: string): LayerNorm => at<LayerNorm>(params, prefix + path);
  const projection = (path: string): Linear => at<Linear>(params, prefix + path);
  const scale = (path: string | undefined): tf.Tensor | undefined =>
    path === undefined ? undefined : at<tf.Tensor>(params, prefix + path);
  const { attention } = names;
  return {
    norm1: norm(names.norm1),
    attention:
      'fused' in attention
        ? { fused: projection(attention.fused) }
        : { query: projection(attention.query), key: projection(attention.key), value: projection(attention.value) },
    projection: projection(names.projection),
    scale1: scale(names.scale1),
    norm2: norm(names.norm2),
    fc1: projection(names.fc1),
    fc2: projection(names.fc2),
    scale2: scale(names.scale2),
  };
}

/** The part of a tree at a dotted path; its type is what the spec put there. */
function at<T extends Tree>(tree: Tree, path: string): T {
  let node: Tree | undefined = tree;
  for (const key of path.split('.')) node = (node as { readonly [key: string]: Tree | undefined } | undefined)?.[key];
  if (node === undefined)
    throw new Error(`The vision parameters have no '${path}'; were they made for another config?`);
  return node as T;
}
