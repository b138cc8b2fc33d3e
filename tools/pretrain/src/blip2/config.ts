import { emojiDataSchema, presets } from '@blip2/demo';
import { type RunConfig, runConfigs } from '@blip2/runs';
import { z } from 'zod';

/** The part `data` of the configuration of a run of `pretrainBlip2`: that of the demo, and how images are drawn. */
export const pretrainDataSchema = emojiDataSchema.extend({
  allVendors: z
    .boolean()
    .default(false)
    .describe(
      "images are drawn by all colored icon sets of the encoder's training, not by OpenMoji, Twemoji and both Fluents alone",
    ),
  augmented: z
    .boolean()
    .default(false)
    .describe(
      'with allVendors: drawings are a little rotated, stretched and recolored in three quarters of the images',
    ),
  augmentedViews: z
    .int()
    .min(0)
    .default(2)
    .describe('with augmented: how many augmented images each drawing on white has, beside the plain one'),
});

/** The configuration of a run with all defaults filled in. */
export type PretrainConfig = RunConfig<z.output<typeof pretrainDataSchema>>;

/** The configurations of runs, with the presets of the demo. */
export const pretrainConfigs = runConfigs(pretrainDataSchema, presets);
