import { isQuantized, type Linear, linear } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { frozen } from '../frozen.js';
import type { EfficientNetConfig } from './config.js';
import { type BlockPlan, type NetworkParams, type NetworkPlan, networkOf } from './network.js';
import { positionCode } from './position-code.js';
import { depthwiseRelu6, relu6 } from './relu6.js';

/** Options of `efficientNetForward`. */
export interface EfficientNetOptions {
  /** Number of stages that are frozen, together with the stem: none of their activations are kept for gradients. Default 0. */
  readonly frozenStages?: number | undefined;
}

/**
 * Encodes pixels by an EfficientNet-Lite; differentiable by `params`. A frozen encoder is loaded by `loadVisionEncoder`.
 * @param pixels [B,H,W,3], normalized, of any size
 * @returns features [B,N,D], one vector for each position of the last feature map, row by row, with the position code
 */
export function efficientNetForward(
  params: NetworkParams,
  config: EfficientNetConfig,
  pixels: tf.Tensor4D,
  options: EfficientNetOptions = {},
): tf.Tensor3D {
  if (pixels.rank !== 4 || pixels.shape[3] !== 3) throw new Error(`Pixels must be [B,H,W,3], not [${pixels.shape}].`);
  const { frozenStages = 0 } = options;
  if ((config.outputStages[0] as number) < frozenStages) {
    throw new Error(
      `Stage ${config.outputStages[0]} gives features, so that no more stages can be frozen, not ${frozenStages}.`,
    );
  }
  return tf.tidy(() => {
    const plan = networkOf(config);
    const maps = stageMaps(params, plan, pixels, options).filter((_, i) => config.outputStages.includes(i + 1));
    const [B, h, w] = (maps.at(-1) as tf.Tensor4D).shape;
    const features = maps.map((map) => tf.reshape(averagedTo(map, [h, w]), [B, h * w, -1]) as tf.Tensor3D);
    if (config.positionChannels === 0) return tf.concat(features, 2);
    const code = positionCode([h, w], config.positionChannels); // [N,P]
    return tf.concat([...features, tf.tile(tf.expandDims(code, 0), [B, 1, 1]) as tf.Tensor3D], 2);
  });
}

/** Computes the feature map [B,h,w,C] of each stage. */
export function stageMaps(
  params: NetworkParams,
  { blocks }: NetworkPlan,
  pixels: tf.Tensor4D,
  { frozenStages = 0 }: EfficientNetOptions = {},
): tf.Tensor4D[] {
  const run = (x: tf.Tensor4D, low: number, high: number): tf.Tensor4D =>
    blocks.reduce(
      (below, plan, i) =>
        plan.stage > low && plan.stage <= high ? block(params.blocks[i] as BlockParams, plan, below) : below,
      x,
    );
  return tf.tidy(() => {
    const first = (x: tf.Tensor4D): tf.Tensor4D => run(stem(params.stem, x), 0, frozenStages);
    let x = frozenStages > 0 ? frozen(first, pixels) : first(pixels);
    const last = (blocks.at(-1) as BlockPlan).stage;
    const maps: tf.Tensor4D[] = [];
    for (let stage = 1; stage <= last; stage++) {
      x = run(x, Math.max(stage - 1, frozenStages), stage);
      maps.push(x); // the same one for all stages that are frozen
    }
    return maps;
  });
}

type BlockParams = NetworkParams['blocks'][number];

function stem({ weight, bias }: NetworkParams['stem'], pixels: tf.Tensor4D): tf.Tensor4D {
  const filter = tf.transpose(weight, [2, 3, 1, 0]) as tf.Tensor4D; // [k,k,I,O]
  return relu6(tf.add(tf.conv2d(pixels, filter, 2, 'same'), bias)) as tf.Tensor4D;
}

function block(p: BlockParams, plan: BlockPlan, x: tf.Tensor4D): tf.Tensor4D {
  const { stride, dilation } = plan;
  return tf.tidy(() => {
    const wide = (p.expand ? relu6(linear(pointwise(p.expand), x)) : x) as tf.Tensor4D;
    const filter = tf.transpose(p.depthwise.weight, [2, 3, 0, 1]) as tf.Tensor4D; // [k,k,C,1]
    const seen = depthwiseRelu6(wide, { filter, bias: p.depthwise.bias as tf.Tensor1D }, { stride, dilation });
    const residual = stride === 1 && plan.input === plan.output ? x : undefined;
    return linear(pointwise(p.project), seen, { residual }) as tf.Tensor4D;
  });
}

/** A 1x1 convolution: a linear layer at each position. A packed weight is a matrix already. */
const pointwise = ({ weight, bias }: { weight: tf.Tensor; bias: tf.Tensor }): Linear => ({
  weight: isQuantized(weight) ? weight : tf.reshape(weight, weight.shape.slice(0, 2)),
  bias,
});

/** Averages a feature map to a coarser grid. */
function averagedTo(map: tf.Tensor4D, [h, w]: readonly [number, number]): tf.Tensor4D {
  const [, H, W] = map.shape;
  const stride = (from: number, to: number): number => 2 ** Math.ceil(Math.log2(from / to)); // each stride halves
  const strides: [number, number] = [stride(H, h), stride(W, w)];
  return Math.max(...strides) === 1 ? map : tf.avgPool(map, strides, strides, 'same');
}
