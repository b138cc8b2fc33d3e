import { flatten, specLeaves } from '@blip2/tensor';
import { adapterSpecOf, type VisionModel } from '@blip2/training';
import type { TrainableVisionEncoder } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';
import type { RunConfig } from './config/schema.js';
import { loraOf } from './config/trained.js';
import type { RunLanguage } from './language.js';
import type { PlannedEncoder, Shapes } from './plan.js';

/** The values of a tensor that a kernel makes are float32 on all backends. */
const FLOAT = 4;
/** Pixels a side where a processor names none. */
const USUAL = 224;
/** The layer norm of that prefix is the stages' own. */
const NORM = 'vision_model.post_layernorm.';

/**
 * Describes an image encoder that may be trained. What its forward pass keeps is measured on one image, as the outputs of all
 * kernels; undefined for an encoder that cannot be trained.
 */
export async function plannedEncoder(
  vision: VisionModel & Partial<TrainableVisionEncoder>,
): Promise<PlannedEncoder | undefined> {
  const { params, forward, processor } = vision;
  if (!params || !forward) return undefined;
  const paths = Object.entries(flatten(params)).map(([path, { shape }]) => [`vision_model.${path}`, shape] as const);
  const { height, width } = sizeOf(processor);
  const { kernels } = await tf.profile(() => {
    tf.tidy(() => void forward(params, tf.zeros([1, height, width, 3])));
    return [];
  });
  const bytes = kernels.reduce((sum, { bytesAdded }) => sum + bytesAdded, 0);
  return { shapes: new Map(paths.filter(([path]) => !path.startsWith(NORM))), activations: bytes / FLOAT };
}

/** The size of the images that a processor gives; of those that keep their shape, that of a square one. */
function sizeOf({ crop, size }: VisionModel['processor']): { readonly height: number; readonly width: number } {
  if (crop) return crop;
  if (size && 'width' in size) return size;
  const edge = size?.shortestEdge ?? USUAL;
  return { height: edge, width: edge };
}

/** The adapters that stage 2 trains; undefined where it trains none. */
export function plannedAdapters(
  { language }: Pick<RunLanguage, 'language'>,
  config: Pick<RunConfig, 'stage2'>,
): Shapes | undefined {
  const lora = loraOf(config);
  if (!lora) return undefined;
  return new Map(specLeaves(adapterSpecOf({ language }, lora)).map(([path, { shape }]) => [path, shape]));
}
