import { openSafetensors } from '@blip2/tensor/safetensors';
import { expectClose, expectNoLeak, fixture } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { decodeImage } from './decode.js';
import { solidImage } from './image.js';
import { IMAGENET_MEAN, IMAGENET_STD, toPixels } from './pixels.js';
import { resizeBicubic } from './resize.js';

test.each([
  [0, [-1.792263, -1.752097, -1.48022]],
  [128, [0.076336, 0.168897, 0.339949]],
  [255, [1.930336, 2.074884, 2.145897]],
])('byte %i becomes what the specification says', (byte, expected) => {
  const pixels = toPixels([solidImage(1, 1, [byte, byte, byte])]);
  expectClose(pixels, expected, 1e-6);
  pixels.dispose();
});

test('photographs equal the values of the reference processor', async () => {
  const golden = await openSafetensors(fixture('photos/resized.safetensors'));
  for (const file of ['chelsea.png', 'coffee.png', 'rocket.jpg']) {
    const image = await decodeImage(fixture(`photos/${file}`));
    const pixels = toPixels([resizeBicubic(image, 56, 56)]);
    const planes = tf.transpose(pixels, [0, 3, 1, 2]);
    expectClose(planes, await golden.read(`${file}.56.pixel_values`), 1e-6);
    tf.dispose([pixels, planes]);
  }
  await golden.close();
});

test('a batch keeps the order, other statistics are obeyed, nothing but the result is left', async () => {
  await expectNoLeak(() => {
    const options = { mean: IMAGENET_MEAN, std: IMAGENET_STD };
    const pixels = toPixels([solidImage(2, 1, [255, 0, 0]), solidImage(2, 1, [0, 255, 51])], options);
    expect(pixels.shape).toEqual([2, 1, 2, 3]);
    const [red, dark] = [(1 - 0.485) / 0.229, -0.485 / 0.229];
    const first = [red, -0.456 / 0.224, -0.406 / 0.225];
    const second = [dark, (1 - 0.456) / 0.224, (0.2 - 0.406) / 0.225];
    expectClose(pixels, [...first, ...first, ...second, ...second], 1e-6);
    pixels.dispose();
  });
});

test('images of different sizes and no images are refused', () => {
  expect(() => toPixels([solidImage(2, 2, [0, 0, 0]), solidImage(2, 3, [0, 0, 0])])).toThrow('Image 1 is 2 x 3');
  expect(() => toPixels([])).toThrow('at least one');
});
