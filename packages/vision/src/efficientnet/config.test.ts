import { countParameters, sizeOf, specLeaves } from '@blip2/tensor';
import { expect, test } from '@jest/globals';
import { readVisionConfig, readVitConfig } from '../config.js';
import { visionSpec } from '../spec.js';
import type { EfficientNetConfig } from './config.js';

const model_type = 'efficientnet_lite';
const read = (json: object): EfficientNetConfig => readVisionConfig({ model_type, ...json }) as EfficientNetConfig;

test('an empty config is Lite0 at 224 pixels', () => {
  expect(read({})).toEqual({
    family: 'efficientnet_lite',
    widthCoefficient: 1,
    depthCoefficient: 1,
    imageSize: [224, 224],
    outputStride: 32,
    outputStages: [7],
    positionChannels: 0,
    batchNormEpsilon: 1e-3,
    hiddenSize: 320,
  });
  expect(countParameters(visionSpec(read({})))).toBe(2_939_120);
});

test.each([
  [1, 1, 4_652_008],
  [1, 1.1, 5_416_680],
  [1.1, 1.2, 6_092_072],
  [1.2, 1.4, 8_197_096],
  [1.4, 1.8, 13_006_568],
])(
  'coefficients %s and %s make the published number of parameters',
  (width_coefficient, depth_coefficient, published) => {
    const config = read({ width_coefficient, depth_coefficient });
    const spec = visionSpec(config);
    const biases = specLeaves(spec).filter(([path]) => path.endsWith('.bias'));
    const channels = biases.reduce((sum, [, { shape }]) => sum + sizeOf(shape), 0);
    const [head, classes] = [1280, 1000];
    // a batch norm has two numbers a channel, of which folding leaves one
    const behind = config.hiddenSize * head + 2 * head + (head + 1) * classes;
    expect(countParameters(spec) + channels + behind).toBe(published);
  },
);

test('features are as wide as the stages that give them, and the positions', () => {
  expect(read({ position_channels: 32 }).hiddenSize).toBe(352);
  expect(read({ output_stages: [5, 7], position_channels: 8 }).hiddenSize).toBe(112 + 320 + 8);
  const early = read({ output_stages: [3] });
  expect(early.hiddenSize).toBe(40);
  expect(specLeaves(visionSpec(early)).some(([path]) => path.startsWith('blocks.5.'))).toBe(false);
});

test('what cannot be is named', () => {
  expect(() => read({ width_coefficient: 0 })).toThrow('width_coefficient must be a number above 0, not 0');
  expect(() => read({ depth_coefficient: 99 })).toThrow('depth_coefficient must be at most 16, not 99');
  expect(() => read({ position_channels: 30 })).toThrow('position_channels must be a multiple of 4');
  expect(() => read({ output_stride: 8 })).toThrow('output_stride must be 16 or 32, not 8');
  expect(() => read({ output_stages: [] })).toThrow('output_stages must be ascending numbers from 1 to 7');
  expect(() => read({ output_stages: [7, 5] })).toThrow('not [7,5]');
  expect(() => read({ output_stages: [0] })).toThrow('output_stages');
  expect(() => read({ image_size: [1, 2, 3] })).toThrow('image_size must be one number or two');
  expect(() => read({ image_size: 0 })).toThrow('image_size must be a whole number of at least 1');
  expect(() => readVitConfig({ model_type })).toThrow("A vision transformer's config is wanted");
  expect(read({ image_size: [112, 224] }).imageSize).toEqual([112, 224]);
  expect(readVisionConfig({ model_type: 'blip-2', vision_config: { model_type } }).family).toBe(model_type);
});
