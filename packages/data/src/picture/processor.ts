import { platform } from '#platform';
import type { FilterName } from './filter.js';
import type { Picture } from './picture.js';
import { CLIP_MEAN, CLIP_STD, type Rgb } from './pixels.js';
import { crop, resize } from './resize.js';

/** How pictures become a model's input, as a folder's processor files say. Plain data. */
export interface Processor {
  /** Both sides, or the shorter one with the aspect ratio kept; absent where pictures are not resized. */
  readonly size?: { readonly width: number; readonly height: number } | { readonly shortestEdge: number };
  /** The middle part that is kept after resizing. */
  readonly crop?: { readonly width: number; readonly height: number };
  readonly filter: FilterName;
  readonly mean: Rgb;
  readonly std: Rgb;
  readonly rescale: number;
  /** Image tokens in front of a prompt; only BLIP-2's own processor says so. */
  readonly queries?: number;
}

type Json = { readonly [key: string]: unknown };

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

function rgb(value: unknown, fallback: Rgb): Rgb {
  if (value === undefined || value === null) return fallback;
  const list = Array.isArray(value) ? value : [value, value, value];
  if (list.length !== 3 || !list.every((x): x is number => typeof x === 'number')) {
    throw new Error(`A processor's mean and std are three numbers, not ${JSON.stringify(value)}: correct the file.`);
  }
  return [list[0]!, list[1]!, list[2]!];
}

function sides(value: unknown): { width: number; height: number } | { shortestEdge: number } | undefined {
  if (typeof value === 'number') return { width: value, height: value };
  if (!isJson(value)) return undefined;
  const { width, height, shortest_edge: shortestEdge } = value;
  if (typeof shortestEdge === 'number') return { shortestEdge };
  if (typeof width === 'number' && typeof height === 'number') return { width, height };
  throw new Error(
    `A processor's size is width and height or shortest_edge, not ${JSON.stringify(value)}: correct the file.`,
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
    throw new Error(`The resampling filter ${String(resample)} is not known: 1, 2 and 3 are (Pillow's numbers).`);
  return found[1];
}

/**
 * Reads the parsed `processor_config.json` or `preprocessor_config.json` of a Hugging Face folder; what it does not say
 * is as in BLIP-2 (224 pixels, bicubic, CLIP's mean and std). Throws where a value makes no sense.
 */
export function parseProcessor(json: unknown): Processor {
  const outer = isJson(json) ? json : {};
  const image = isJson(outer.image_processor) ? outer.image_processor : outer;
  const size = image.do_resize === false ? undefined : (sides(image.size) ?? { width: 224, height: 224 });
  const kept = image.do_center_crop === true ? sides(image.crop_size) : undefined;
  const normalise = image.do_normalize !== false;
  const factor = typeof image.rescale_factor === 'number' ? image.rescale_factor : 1 / 255;
  return {
    ...(size && { size }),
    ...(kept && 'width' in kept && { crop: kept }),
    filter: filterOf(image.resample),
    mean: normalise ? rgb(image.image_mean, CLIP_MEAN) : [0, 0, 0],
    std: normalise ? rgb(image.image_std, CLIP_STD) : [1, 1, 1],
    rescale: image.do_rescale === false ? 1 : factor,
    ...(typeof outer.num_query_tokens === 'number' && { queries: outer.num_query_tokens }),
  };
}

/**
 * Reads a folder's `preprocessor_config.json` and `processor_config.json`; where both are there, the latter, which is
 * newer, wins value by value. Throws where neither is there or one is no JSON.
 */
export async function readProcessor(folder: string): Promise<Processor> {
  let merged: Json | undefined;
  for (const file of ['preprocessor_config.json', 'processor_config.json']) {
    const path = platform.join(folder, file);
    const bytes = await platform.readBytes(path);
    if (!bytes) continue;
    let json: unknown;
    try {
      json = JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      throw new Error(`${path} is not JSON: download it again.`);
    }
    merged = { ...merged, ...(isJson(json) ? json : {}) };
  }
  if (!merged) throw new Error(`${folder} has no processor_config.json or preprocessor_config.json: add one of them.`);
  return parseProcessor(merged);
}

/** A picture resized and cropped as a processor says, still 8-bit; `toPixels` does the rest. */
export function applyProcessor(picture: Picture, processor: Pick<Processor, 'size' | 'crop' | 'filter'>): Picture {
  let result = picture;
  if (processor.size) {
    const { width, height } = targetSize(picture, processor.size);
    result = resize(picture, width, height, { filter: processor.filter });
  }
  if (!processor.crop) return result;
  const { width, height } = processor.crop;
  const [left, top] = [Math.floor((result.width - width) / 2), Math.floor((result.height - height) / 2)];
  return crop(result, { left, top, width, height });
}

function targetSize(
  { width, height }: Picture,
  size: NonNullable<Processor['size']>,
): { width: number; height: number } {
  if (!('shortestEdge' in size)) return size;
  const edge = size.shortestEdge;
  const long = (side: number, short: number): number => Math.trunc((edge * side) / short);
  return width <= height ? { width: edge, height: long(height, width) } : { width: long(width, height), height: edge };
}
