import { pathToFileURL } from 'node:url';
import { fixture } from '@blip2/testing';
import { checkMutations } from '@blip2/testing/untrusted';
import { expect, test } from '@jest/globals';
import { solidImage } from './image.js';
import { CLIP_MEAN, CLIP_STD } from './pixels.js';
import { applyProcessor, parseProcessor, readProcessor } from './processor.js';

test('a BLIP-2 folder', async () => {
  const byUrl = await readProcessor(pathToFileURL(fixture('hf-opt')));
  expect(byUrl).toEqual(await readProcessor(fixture('hf-opt')));
  expect(byUrl).toEqual({
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
  expect(applyProcessor(solidImage(20, 11, [1, 2, 3]), processor)).toEqual(solidImage(4, 4, [1, 2, 3]));
  const uncropped = { size: { shortestEdge: 5 }, filter: 'bilinear' } as const;
  expect(applyProcessor(solidImage(20, 11, [1, 2, 3]), uncropped)).toMatchObject({ width: 9, height: 5 });
  expect(applyProcessor(solidImage(11, 20, [1, 2, 3]), uncropped)).toMatchObject({ width: 5, height: 9 });
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

test.each([
  [{ size: { width: 0, height: 224 } }, 'each from 1 to 4096, not {"width":0,"height":224}'],
  [{ size: 1e308 }, 'not 1e+308'],
  [{ size: 22.5 }, 'not 22.5'],
  [{ size: 'big' }, 'not "big"'],
  [{ image_std: [1, 0, 1] }, 'std above 0'],
  [{ image_mean: [1, 'a', 1] }, 'three numbers'],
  [{ do_resize: 'false' }, "The processor config's do_resize must be true or false"],
  [{ rescale_factor: 0 }, 'rescale_factor must be a number above 0'],
  [{ num_query_tokens: 1e9 }, 'num_query_tokens must be a whole number of at most 65536'],
  [{ image_processor: 3 }, 'image_processor must be an object, not 3'],
  [[], "A processor's file is an object, not []"],
])('refuses %j', (json, message) => {
  expect(() => parseProcessor(json)).toThrow(message);
});

test('300 mutations read or are refused clearly', async () => {
  const image = { do_resize: true, size: { height: 56, width: 56 }, image_mean: CLIP_MEAN, resample: 3, crop_size: 7 };
  const valid = { image_processor: image, num_query_tokens: 5, do_rescale: true };
  const read = await checkMutations(
    valid,
    (json) => {
      const { mean, std, rescale } = parseProcessor(json);
      expect([...mean, ...std, rescale].every(Number.isFinite)).toBe(true);
    },
    { runs: 300 },
  );
  expect(read).toBeGreaterThan(50);
  expect(read).toBeLessThan(280);
});
