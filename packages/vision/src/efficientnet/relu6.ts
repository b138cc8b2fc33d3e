import * as tf from '@tensorflow/tfjs';

/** ReLU6, min(max(x, 0), 6); only its result is kept for the gradient. */
export function relu6(x: tf.Tensor): tf.Tensor {
  return tf.customGrad((...args) => {
    const [x, save] = args as [tf.Tensor, (tensors: tf.Tensor[]) => void];
    const value = tf.relu6(x);
    save([value]);
    return { value, gradFunc: (dy: tf.Tensor, [y]: tf.Tensor[]) => [relu6Gradient(dy, y as tf.Tensor)] };
  })(x);
}

/** The gradient of ReLU6: dy where 0 < y < 6, else 0. */
const relu6Gradient = (dy: tf.Tensor, y: tf.Tensor): tf.Tensor =>
  tf.tidy(() => tf.mul(dy, tf.step(tf.mul(y, tf.sub(6, y)))));

export interface DepthwiseOptions {
  readonly stride: number;
  readonly dilation: number;
}

/**
 * ReLU6 of a depthwise convolution, padded as 'same': one fused kernel forward, for which tfjs has no gradient of its own.
 * @param x [B,H,W,C]; filter [k,k,C,1] with odd k, bias [C]; a dilation other than 1 goes with stride 1
 */
export function depthwiseRelu6(
  x: tf.Tensor4D,
  { filter, bias }: { filter: tf.Tensor4D; bias: tf.Tensor1D },
  { stride, dilation }: DepthwiseOptions,
): tf.Tensor4D {
  return tf.customGrad((...args) => {
    const [x, filter, bias, save] = args as [tf.Tensor4D, tf.Tensor4D, tf.Tensor1D, (tensors: tf.Tensor[]) => void];
    const attrs = { strides: [stride, stride], pad: 'same', dilations: [dilation, dilation], dataFormat: 'NHWC' };
    const run = (kernel: string, inputs: Record<string, tf.Tensor>, own: object): tf.Tensor =>
      tf.engine().runKernel(kernel, inputs, { ...attrs, ...own } as unknown as tf.NamedAttrMap) as tf.Tensor;
    const value = run('FusedDepthwiseConv2D', { x, filter, bias }, { activation: 'relu6' }); // tf.fused does not fuse here
    save([x, filter, value]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [x, filter, y] = saved as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
      const g = relu6Gradient(dy, y) as tf.Tensor4D;
      if (dilation > 1) return [...dilatedGradients(x, filter, { g, dilation }), tf.sum(g, [0, 1, 2])];
      return [
        run('DepthwiseConv2dNativeBackpropInput', { dy: g, filter }, { inputShape: x.shape }),
        run('DepthwiseConv2dNativeBackpropFilter', { x, dy: g }, { filterShape: filter.shape }),
        tf.sum(g, [0, 1, 2]),
      ];
    };
    return { value, gradFunc };
  })(x, filter, bias) as tf.Tensor4D;
}

/**
 * The gradients of a dilated depthwise convolution of stride 1, for which tfjs has no kernels: by its input the convolution of `g`
 * with the mirrored filter, by the filter the products of `g` with the input moved by each tap.
 */
function dilatedGradients(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  { g, dilation }: { readonly g: tf.Tensor4D; readonly dilation: number },
): [byInput: tf.Tensor, byFilter: tf.Tensor] {
  const [k] = filter.shape;
  const byInput = tf.depthwiseConv2d(g, tf.reverse(filter, [0, 1]) as tf.Tensor4D, 1, 'same', 'NHWC', dilation);
  const padding = (dilation * (k - 1)) / 2;
  const around: [number, number] = [padding, padding];
  const padded = tf.pad(x, [[0, 0], around, around, [0, 0]]);
  const taps = Array.from({ length: k * k }, (_, i) => {
    const [row, column] = [Math.floor(i / k) * dilation, (i % k) * dilation];
    return tf.tidy(() => tf.sum(tf.mul(tf.slice(padded, [0, row, column, 0], x.shape), g), [0, 1, 2])); // [C]
  });
  return [byInput, tf.reshape(tf.stack(taps), filter.shape)];
}
