import type { BenchCase, Suite } from '@blip2/testing';
import * as tf from '@tensorflow/tfjs';

type Shape = [number, number, number, number];
interface Convolution {
  x: Shape;
  filter: Shape;
  stride: number;
}

const multiplyAdds = ({ x: [B, H, W], filter: [kH, kW, C, O], stride }: Convolution): number =>
  (B * H * W * kH * kW * C * O) / stride ** 2;

const of = (name: string, convolution: Convolution, f: (x: tf.Tensor4D, w: tf.Tensor4D) => tf.Tensor[]): BenchCase => ({
  name: `${name} ${convolution.x.join('x')} by ${convolution.filter.join('x')}`,
  flops: 2 * multiplyAdds(convolution),
  prepare: () => {
    const x = tf.randomNormal(convolution.x, 0, 1, 'float32', 1) as tf.Tensor4D;
    const w = tf.randomNormal(convolution.filter, 0, 1, 'float32', 2) as tf.Tensor4D;
    return { run: () => tf.dispose(f(x, w)), dispose: () => tf.dispose([x, w]) };
  },
});

const conv = (name: string, sizes: Convolution): BenchCase =>
  of(name, sizes, (x, w) => [tf.conv2d(x, w, sizes.stride, 'same')]);

const gradients = (name: string, sizes: Convolution): BenchCase =>
  of(name, sizes, (x, w) =>
    tf.grads((x, w) => tf.sum(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, sizes.stride, 'same')))([x, w]),
  );

const depthwise = (name: string, sizes: Convolution): BenchCase =>
  of(name, sizes, (x, w) => [tf.depthwiseConv2d(x, w, sizes.stride, 'same')]);

const suite: Suite = {
  bench: 'conv',
  cases: [
    conv('conv2d 3x3', { x: [4, 56, 56, 64], filter: [3, 3, 64, 64], stride: 1 }),
    conv('conv2d 1x1', { x: [4, 28, 28, 256], filter: [1, 1, 256, 128], stride: 1 }),
    conv('conv2d patches', { x: [4, 224, 224, 3], filter: [16, 16, 3, 384], stride: 16 }),
    gradients('conv2d 3x3, forth and back', { x: [4, 28, 28, 64], filter: [3, 3, 64, 64], stride: 1 }),
    depthwise('depthwise 3x3', { x: [4, 56, 56, 144], filter: [3, 3, 144, 1], stride: 1 }),
  ],
};
export default suite;
