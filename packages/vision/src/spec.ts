import { type LinearOptions, layerNormSpec, linearSpec, ones, param, type Spec, type Tree, zeros } from '@blip2/tensor';
import { isVitConfig, type VisionConfig, type VitConfig } from './config.js';
import { efficientNetSpec } from './efficientnet/network.js';
import { type BlockNames, family } from './families.js';
import { truncatedNormal } from './init.js';

/** Which hidden state of a vision transformer is computed. */
export interface VisionOptions {
  /**
   * The hidden state: 0 the embeddings, i the output of block i, negative from the end (-1 the last). Blocks above it are
   * neither loaded nor run. Default: what BLIP-2 uses, -2 for CLIP and -1 for the others.
   */
  layer?: number | undefined;
  /** Apply the family's layer norm after the blocks. Default false: BLIP-2 has its own norm (`ln_vision`). */
  finalNorm?: boolean | undefined;
}

/** The spec of a vision transformer: nested records whose paths are the family's names in checkpoints. */
export type VisionSpec = { readonly [key: string]: Spec };

/** The parameters of a vision transformer. */
export type VisionParams = { readonly [key: string]: Tree };

/** The number of blocks below the hidden state that is asked for. */
export function depth(config: VitConfig, layer: number = family(config.family).layer): number {
  const blocks = layer < 0 ? config.layers + 1 + layer : layer;
  if (Number.isInteger(layer) && blocks >= 0 && blocks <= config.layers) return blocks;
  throw new Error(`There is no hidden state ${layer} in a vision transformer of ${config.layers} layers.`);
}

/** Rows and columns of patches in an image; pixels at the right and bottom that do not fill a patch are ignored. */
export function gridOf([height, width]: readonly [number, number], patchSize: number): readonly [number, number] {
  return [Math.floor(height / patchSize), Math.floor(width / patchSize)];
}

const small = truncatedNormal(0.02);

/** The parameters of an image encoder of any family. `options` choose among what a vision transformer gives. */
export function visionSpec(config: VisionConfig, options: VisionOptions = {}): VisionSpec {
  return isVitConfig(config) ? vitSpec(config, options) : { ...efficientNetSpec(config) };
}

/**
 * Describes the parameters of a vision transformer. They are initialized truncated-normal with standard deviation 0.02, which
 * is divided by sqrt(2 l) for projections to the residual stream in block l, as in EVA.
 */
export function vitSpec(config: VitConfig, options: VisionOptions = {}): VisionSpec {
  const names = family(config.family);
  const { hiddenSize: D, patchSize: p } = config;
  const [rows, columns] = gridOf(config.imageSize, p);
  const tokens = rows * columns + (names.classToken ? 1 : 0);
  return nest([
    [`${names.patch.path}.weight`, param([D, 3, p, p], small)],
    ...(names.patch.bias ? [[`${names.patch.path}.bias`, param([D], zeros)] as const] : []),
    ...(names.classToken
      ? [[names.classToken.path, param(names.classToken.vector ? [D] : [1, 1, D], small)] as const]
      : []),
    [names.positions.path, param(names.positions.table ? [tokens, D] : [1, tokens, D], small)],
    ...(names.preNorm ? [[names.preNorm, layerNormSpec(D)] as const] : []),
    [
      names.layers,
      Array.from({ length: depth(config, options.layer) }, (_, i) => blockSpec(config, names.block, i + 1)),
    ],
    ...(options.finalNorm ? [[names.finalNorm, layerNormSpec(D)] as const] : []),
  ]);
}

function blockSpec(config: VitConfig, names: BlockNames, number: number): VisionSpec {
  const { hiddenSize: D, intermediateSize: F, qkvBias } = config;
  // An interface fits no index signature: spread, its members are a spec.
  const dense = (input: number, output: number, options: LinearOptions) => ({ ...linearSpec(input, output, options) });
  const residual = { init: truncatedNormal(0.02 / Math.sqrt(2 * number)) };
  const projected = { init: small, bias: qkvBias };
  const attention =
    'fused' in names.attention
      ? [[names.attention.fused, dense(D, 3 * D, projected)] as const]
      : Object.values(names.attention).map((path) => [path, dense(D, D, projected)] as const);
  return nest([
    [names.norm1, layerNormSpec(D)],
    ...attention,
    [names.projection, dense(D, D, residual)],
    ...(names.scale1 ? [[names.scale1, param([D], ones)] as const] : []),
    [names.norm2, layerNormSpec(D)],
    [names.fc1, dense(D, F, { init: small })],
    [names.fc2, dense(F, D, residual)],
    ...(names.scale2 ? [[names.scale2, param([D], ones)] as const] : []),
  ]);
}

/** Nested records from dotted paths. */
function nest(entries: readonly (readonly [path: string, spec: Spec])[]): VisionSpec {
  const root: { [key: string]: Spec } = {};
  for (const [path, spec] of entries) {
    const keys = path.split('.');
    const last = keys.pop() as string;
    let node = root;
    for (const key of keys) {
      node[key] ??= {};
      node = node[key] as { [key: string]: Spec };
    }
    node[last] = spec;
  }
  return root;
}
