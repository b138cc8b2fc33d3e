import { fixture } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { solid } from './picture.js';
import { CLIP_MEAN, CLIP_STD } from './pixels.js';
import { applyProcessor, parseProcessor, readProcessor } from './processor.js';

test('a BLIP-2 folder', async () => {
  expect(await readProcessor(fixture('hf-opt'))).toEqual({
    size: { width: 56, height: 56 },
    filter: 'bicubic',
    mean: CLIP_MEAN,
    std: CLIP_STD,
    rescale: 0.00392156862745098,
    queries: 5,
  });
});

test('CLIP and DINOv2 style: shortest edge, then the middle', () => {
  const processor = parseProcessor({
    do_center_crop: true,
    crop_size: { height: 4, width: 4 },
    size: { shortest_edge: 5 },
    image_mean: [0.5, 0.5, 0.5],
    image_std: 0.5,
    resample: 2,
  });
  expect(processor).toMatchObject({ size: { shortestEdge: 5 }, crop: { width: 4, height: 4 }, filter: 'bilinear' });
  expect(processor.std).toEqual([0.5, 0.5, 0.5]);
  expect(applyProcessor(solid(20, 11, [1, 2, 3]), processor)).toEqual(solid(4, 4, [1, 2, 3]));
  const uncropped = { size: { shortestEdge: 5 }, filter: 'bilinear' } as const;
  expect(applyProcessor(solid(20, 11, [1, 2, 3]), uncropped)).toMatchObject({ width: 9, height: 5 });
  expect(applyProcessor(solid(11, 20, [1, 2, 3]), uncropped)).toMatchObject({ width: 5, height: 9 });
});

test('what is switched off is off, what is absent is as in BLIP-2', () => {
  const off = parseProcessor({ do_resize: false, do_rescale: false, do_normalize: false });
  expect(off).toEqual({ filter: 'bicubic', mean: [0, 0, 0], std: [1, 1, 1], rescale: 1 });
  expect(parseProcessor({})).toMatchObject({ size: { width: 224, height: 224 }, mean: CLIP_MEAN, rescale: 1 / 255 });
  expect(parseProcessor({ size: 384 })).toMatchObject({ size: { width: 384, height: 384 } });
});

test('nonsense and an empty folder are refused', async () => {
  expect(() => parseProcessor({ resample: 9 })).toThrow('filter 9 is not known');
  expect(() => parseProcessor({ size: { longest: 4 } })).toThrow('width and height or shortest_edge');
  expect(() => parseProcessor({ image_mean: [1, 2] })).toThrow('three numbers');
  await expect(readProcessor(fixture('photos'))).rejects.toThrow('has no processor_config.json');
});
