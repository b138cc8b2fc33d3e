import type { Processor } from '@blip2/data';
import { PROMPTS_KEY, type Prompts } from '../generate/prompts.js';

/** The numbers of Pillow's resampling filters. */
const filters: Readonly<Record<string, number>> = { lanczos: 1, bilinear: 2, bicubic: 3 };

/** Creates a `processor_config.json`: image preprocessing, the number of image tokens, and prompts that differ from the defaults. */
export function processorJson(processor: Processor, queries: number, prompts?: Prompts): Record<string, unknown> {
  const { size, crop, filter, mean, std, rescale } = processor;
  return {
    image_processor: {
      image_processor_type: 'BlipImageProcessor',
      do_convert_rgb: true,
      do_resize: size !== undefined,
      ...(size && { size: 'shortestEdge' in size ? { shortest_edge: size.shortestEdge } : size }),
      ...(crop && { do_center_crop: true, crop_size: crop }),
      resample: filters[filter],
      do_rescale: true,
      rescale_factor: rescale,
      do_normalize: true,
      image_mean: mean,
      image_std: std,
    },
    num_query_tokens: queries,
    processor_class: 'Blip2Processor',
    ...(prompts && { [PROMPTS_KEY]: prompts }),
  };
}
