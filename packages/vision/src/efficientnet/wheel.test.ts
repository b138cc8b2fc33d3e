import { readFileSync } from 'node:fs';
import { bind, dispose } from '@blip2/tensor';
import { openTorch } from '@blip2/tensor/torch';
import { expectClose, expectNoLeak, fixture } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { stageMaps } from './forward.js';
import { type NetworkPlan, networkSpec } from './network.js';
import { efficientNetWheelSource } from './wheel.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

/** The sizes of tools/reference/make_efficientnet.py. */
const KERNELS = [3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3];
const WIDTHS = [4, 4, 4, 6, 6, 6, 6, 6, 8, 8, 8, 8, 8, 8, 8, 10];
const STRIDED = [1, 3, 5, 11];
const plan: NetworkPlan = {
  stem: 4,
  blocks: KERNELS.map((kernel, i) => {
    const input = WIDTHS[i - 1] ?? 4;
    const stride = STRIDED.includes(i) ? 2 : 1;
    return { stage: i + 1, input, inner: i === 0 ? input : 2 * input, output: WIDTHS[i]!, kernel, stride, dilation: 1 };
  }),
};

test('a small network in the form of the PyPI package gives what PyTorch gives', async () => {
  const { size, shape, values } = JSON.parse(readFileSync(fixture('torch/efficientnet.json'), 'utf8'));
  const [height, width] = size as [number, number];
  const data = Float32Array.from({ length: height * width * 3 }, (_, i) => Math.sin(0.37 * i));
  const pixels = tf.tensor4d(data, [1, height, width, 3]);
  const source = await openTorch(fixture('torch/efficientnet.pth'));
  await expectNoLeak(async () => {
    const params = await bind(networkSpec(plan), efficientNetWheelSource(source));
    const maps = stageMaps(params, plan, pixels);
    expect(maps.at(-1)!.shape).toEqual(shape);
    expectClose(maps.at(-1)!, Float32Array.from(values), 1e-4);
    tf.dispose(maps);
    dispose(params);
  });
  await source.close();
});

test('a convolution whose batch norm is not whole is missing', async () => {
  const source = await openTorch(fixture('torch/efficientnet.pth'));
  const names = new Map([...source.names].filter(([name]) => name !== '_blocks.3._bn1.running_var'));
  const folded = efficientNetWheelSource({ ...source, names });
  await expect(bind(networkSpec(plan), folded)).rejects.toThrow('missing: blocks.3.depthwise.weight');
  await source.close();
});
