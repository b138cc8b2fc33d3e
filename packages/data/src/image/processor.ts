import { fieldsOf, isJson, type Json, parseJson, show } from '@blip2/tensor';
import { platform } from '#platform';
import type { FilterName } from './filter.js';
import type { DecodedImage } from './image.js';
import { CLIP_MEAN, CLIP_STD, type Rgb } from './pixels.js';
import { crop, resize } from './resize.js';

/** How images are preprocessed for a model: the `image_processor` of a Hugging Face folder as plain data. */
export interface Processor {
  /** Size that images are resized to, exactly or by their shorter side; absent where images are not resized. */
  readonly size?: { readonly width: number; readonly height: number } | { readonly shortestEdge: number };
  /** Size of the center crop that follows resizing; absent where images are not cropped. */
  readonly crop?: { readonly width: number; readonly height: number };
  /** Resampling filter (`resample`). */
  readonly filter: FilterName;
  /** Mean of each channel (`image_mean`). */
  readonly mean: Rgb;
  /** Standard deviation of each channel (`image_std`). */
  readonly std: Rgb;
  /** Factor that bytes are multiplied by before normalization (`rescale_factor`). */
  readonly rescale: number;
  /** Number of image tokens in front of a prompt (`num_query_tokens`); only BLIP-2's processors have it. */
  readonly queries?: number;
}

/** No published model takes larger images. */
const LARGEST_SIDE = 4096;
/** No published processor file is larger. */
const LARGEST_FILE = 1_000_000;
const MOST_QUERIES = 2 ** 16;

const isSide = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) > 0 && (value as number) <= LARGEST_SIDE;

function rgb(value: unknown, fallback: Rgb, fits: (x: number) => boolean = () => true): Rgb {
  if (value === undefined || value === null) return fallback;
  const list: unknown[] = Array.isArray(value) ? value : [value, value, value];
  const [r, g, b] = list.filter((x): x is number => typeof x === 'number' && Number.isFinite(x) && fits(x));
  if (list.length !== 3 || r === undefined || g === undefined || b === undefined) {
    throw new Error(
      `A processor's mean and std are three numbers (std above 0), not ${show(value)}: correct the file.`,
    );
  }
  return [r, g, b];
}

function sides(value: unknown): { width: number; height: number } | { shortestEdge: number } | undefined {
  if (value === undefined || value === null) return undefined;
  if (isSide(value)) return { width: value, height: value };
  const { width, height, shortest_edge: shortestEdge }: Json = isJson(value) ? value : {};
  if (isSide(shortestEdge)) return { shortestEdge };
  if (isSide(width) && isSide(height)) return { width, height };
  throw new Error(
    `A processor's size is width and height or shortest_edge, each from 1 to ${LARGEST_SIDE}, not ${show(value)}: correct the file.`,
  );
}

function filterOf(resample: unknown): FilterName {
  const names: readonly (readonly [number, FilterName])[] = [
    [1, 'lanczos'],
    [2, 'bilinear'],
    [3, 'bicubic'],
  ];
  const found = names.find(([number]) => number === (resample ?? 3));
  if (!found)
    throw new Error(`The resampling filter ${show(resample)} is not known: 1, 2 and 3 are (Pillow's numbers).`);
  return found[1];
}

/**
 * Converts the parsed `processor_config.json` or `preprocessor_config.json` of a Hugging Face folder into a
 * {@link Processor}. Absent fields get BLIP-2's defaults: 224 pixels, bicubic, CLIP's mean and std.
 * @throws Error naming the field whose value is invalid
 */
export function parseProcessor(outer: unknown): Processor {
  if (!isJson(outer)) throw new Error(`A processor's file is an object, not ${show(outer)}: correct the file.`);
  const image =
    (outer.image_processor ?? null) === null ? outer : fieldsOf(outer, 'processor').object('image_processor');
  const { flag, positive } = fieldsOf(image, 'processor');
  const size = flag('do_resize', true) ? (sides(image.size) ?? { width: 224, height: 224 }) : undefined;
  const kept = flag('do_center_crop', false) ? sides(image.crop_size) : undefined;
  const normalize = flag('do_normalize', true);
  const factor = positive('rescale_factor', 1 / 255);
  const queries = fieldsOf(outer, 'processor').count('num_query_tokens', 0, { most: MOST_QUERIES });
  return {
    ...(size && { size }),
    ...(kept && 'width' in kept && { crop: kept }),
    filter: filterOf(image.resample),
    mean: normalize ? rgb(image.image_mean, CLIP_MEAN) : [0, 0, 0],
    std: normalize ? rgb(image.image_std, CLIP_STD, (x) => x > 0) : [1, 1, 1],
    rescale: flag('do_rescale', true) ? factor : 1,
    ...(queries > 0 && { queries }),
  };
}

/**
 * Reads `preprocessor_config.json` and `processor_config.json` of a Hugging Face folder; where both exist, fields of the
 * latter take precedence.
 * @param source path or `file:` URL of the folder
 * @throws Error where neither file exists, or one is not JSON or has an invalid value
 */
export async function readProcessor(source: string | URL): Promise<Processor> {
  const folder = platform.locate(source);
  let merged: Json | undefined;
  for (const file of ['preprocessor_config.json', 'processor_config.json']) {
    const path = platform.join(folder, file);
    const bytes = await platform.readBytes(path, LARGEST_FILE);
    if (bytes) merged = { ...merged, ...parseJson(bytes, path) };
  }
  if (!merged) throw new Error(`${folder} has no processor_config.json or preprocessor_config.json: add one of them.`);
  return parseProcessor(merged);
}

/** Resizes and crops an image as a processor prescribes; the result is 8-bit, and {@link toPixels} normalizes it. */
export function applyProcessor(
  image: DecodedImage,
  processor: Pick<Processor, 'size' | 'crop' | 'filter'>,
): DecodedImage {
  let result = image;
  if (processor.size) {
    const { width, height } = targetSize(image, processor.size);
    result = resize(image, width, height, { filter: processor.filter });
  }
  if (!processor.crop) return result;
  const { width, height } = processor.crop;
  const [left, top] = [Math.floor((result.width - width) / 2), Math.floor((result.height - height) / 2)];
  return crop(result, { left, top, width, height });
}

function targetSize(
  { width, height }: DecodedImage,
  size: NonNullable<Processor['size']>,
): { width: number; height: number } {
  if (!('shortestEdge' in size)) return size;
  const edge = size.shortestEdge;
  const long = (side: number, short: number): number => Math.trunc((edge * side) / short);
  return width <= height ? { width: edge, height: long(height, width) } : { width: long(width, height), height: edge };
}
