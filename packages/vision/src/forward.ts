import { attend } from '@blip2/attention';
import { layerNorm, linear } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { VitConfig } from './config.js';
import { patchEmbed } from './patches.js';
import { resizePositions } from './positions.js';
import { type BlockRoles, type Roles, rolesOf } from './roles.js';
import { gridOf, type VisionOptions, type VisionParams } from './spec.js';

/**
 * Runs a vision transformer (Dosovitskiy et al. 2020) of any family up to one hidden state. Differentiable by `params` and
 * `pixels`; a frozen encoder is run by `visionEncoder`, which keeps no activations.
 * @param pixels [B,H,W,3], normalized, of any size: position embeddings are resized where it is not the config's
 * @returns [B,N,D], the class token first where the family has one, then patches row-major
 * @throws for pixels that are not [B,H,W,3] or smaller than a patch
 */
export function vitForward(
  params: VisionParams,
  config: VitConfig,
  pixels: tf.Tensor4D,
  options: VisionOptions = {},
): tf.Tensor3D {
  return tf.tidy(() => {
    const roles = rolesOf(params, config, options);
    let x = embed(roles, config, pixels); // [B,N,D]
    for (const p of roles.blocks) {
      const below = x;
      x = block(p, below, config);
      below.dispose();
    }
    return roles.finalNorm ? (layerNorm(roles.finalNorm, x, config.epsilon) as tf.Tensor3D) : x;
  });
}

/**
 * Computes every hidden state up to one: the embeddings, then the output of each block, without the final norm.
 * @returns depth + 1 tensors [B,N,D], owned by the caller
 */
export function vitHiddenStates(
  params: VisionParams,
  config: VitConfig,
  pixels: tf.Tensor4D,
  options: Pick<VisionOptions, 'layer'> = {},
): tf.Tensor3D[] {
  return tf.tidy(() => {
    const roles = rolesOf(params, config, options);
    const states = [embed(roles, config, pixels)];
    for (const p of roles.blocks) states.push(block(p, states.at(-1) as tf.Tensor3D, config));
    return states;
  });
}

/** [B,H,W,3] -> [B,N,D] */
function embed(p: Roles, config: VitConfig, pixels: tf.Tensor4D): tf.Tensor3D {
  const { patchSize, hiddenSize: D, alignCorners } = config;
  const [B, H, W, C] = pixels.shape;
  if (pixels.rank !== 4 || C !== 3 || Math.min(H, W) < patchSize) {
    throw new Error(`Pixels must be [B,H,W,3] and no smaller than a patch of ${patchSize}, not [${pixels.shape}].`);
  }
  return tf.tidy(() => {
    const patches = patchEmbed(p.patch, pixels); // [B,N,D]
    const first = p.classToken && tf.tile(tf.reshape(p.classToken, [1, 1, D]), [B, 1, 1]);
    const tokens = first ? tf.concat([first as tf.Tensor3D, patches], 1) : patches;
    const positions = resizePositions(tf.reshape(p.positions, [-1, D]), {
      from: gridOf(config.imageSize, patchSize),
      to: gridOf([H, W], patchSize),
      fixed: first ? 1 : 0,
      alignCorners,
    });
    const x: tf.Tensor3D = tf.add(tokens, tf.expandDims(positions, 0));
    return p.preNorm ? (layerNorm(p.preNorm, x, config.epsilon) as tf.Tensor3D) : x;
  });
}

/** [B,N,D] -> [B,N,D] */
function block(p: BlockRoles, x: tf.Tensor3D, config: VitConfig): tf.Tensor3D {
  return tf.tidy(() => {
    const context = attention(p, layerNorm(p.norm1, x, config.epsilon), config.heads);
    const a = added(x, { scale: p.scale1, of: (residual) => linear(p.projection, context, { residual }) });
    const inner = linear(p.fc1, layerNorm(p.norm2, a, config.epsilon)); // [B,N,F]
    const { activation } = config;
    return added(a, {
      scale: p.scale2,
      of: (residual) => linear(p.fc2, inner, { activation, residual }),
    }) as tf.Tensor3D;
  });
}

/** x + scale·f, in one op where there is no scale. */
function added(x: tf.Tensor, f: { scale: tf.Tensor | undefined; of: (residual?: tf.Tensor) => tf.Tensor }): tf.Tensor {
  return f.scale ? tf.add(x, tf.mul(f.of(), f.scale)) : f.of(x);
}

/** [B,N,D] -> [B,N,D], the projection not yet. */
function attention(p: BlockRoles, x: tf.Tensor, heads: number): tf.Tensor {
  const [q, k, v] =
    'fused' in p.attention
      ? (tf.split(linear(p.attention.fused, x), 3, -1) as [tf.Tensor, tf.Tensor, tf.Tensor])
      : [linear(p.attention.query, x), linear(p.attention.key, x), linear(p.attention.value, x)];
  return attend(q, k, v, { heads });
}
