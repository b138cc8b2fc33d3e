import { dataSchema, type RunConfig, runConfigs } from '@blip2/runs';
import { z } from 'zod';
import { presets } from './presets.js';

const count = z.int().min(1);

/** The schema of the part `data` of a run's configuration on emoji and scenes. */
export const emojiDataSchema = dataSchema.extend({
  emoji: count.nullable().default(null).describe('how many emoji to train on, in four drawings each; null: all'),
  scenes: z.int().min(0).default(8000).describe('scenes to train on'),
  testScenes: count.default(400).describe('scenes to test on'),
  singles: z
    .int()
    .min(0)
    .default(0)
    .describe('single drawings to train on: images of each noun of the scenes by each vendor'),
  singleShare: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('share of the batches of both stages that are single drawings'),
  wideScenes: z.int().min(0).default(0).describe('scenes of any emoji to train on, beside those of the 85 nouns'),
  wideShare: z.number().min(0).max(1).default(0).describe('share of the batches of scenes that show any emoji'),
  adjustCounts: z
    .boolean()
    .default(false)
    .describe(
      'nothing is learned against the count that training never shows of a noun: it does not compete in the losses of stage 2, and stage 1 sees scenes of any emoji alone, where there are any',
    ),
  emojiViews: z
    .int()
    .min(0)
    .default(0)
    .describe('images of each drawing of an emoji to train on, of other places, sizes and backgrounds'),
  featureDropout: z
    .number()
    .min(0)
    .max(0.9)
    .default(0)
    .describe('probability with which a channel of the features of an image is zeroed while training'),
  vendorMix: z
    .number()
    .min(0)
    .max(1)
    .nullable()
    .default(null)
    .describe(
      "features of half of the images are mixed with another vendor's drawings of the same, so far beyond either; null: never",
    ),
  nameShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe('share of the batches of stage 2 that are drawings of any emoji, named'),
  nearNames: z
    .boolean()
    .default(false)
    .describe(
      "drawings of emoji in a batch of stage 1 are near each other in Unicode's order, instead of having names of one length",
    ),
  negativeNames: z
    .int()
    .min(0)
    .default(0)
    .describe('names of other emoji that ITC has as additional negatives of a batch of drawings'),
  sceneShare: z.number().min(0).max(1).default(0.25).describe('share of the batches of stage 1 that are scenes'),
});

/** The part `data` of a run's configuration on emoji and scenes. */
export type EmojiDataConfig = z.output<typeof emojiDataSchema>;
/** The configuration of a run on emoji and scenes with all defaults filled in. */
export type EmojiConfig = RunConfig<EmojiDataConfig>;

/** The configurations of runs on emoji and scenes, and their presets: `demo`, `emoji-full`, `smoke`. */
export const emojiConfigs = runConfigs(emojiDataSchema, presets);
