import { defaultPrompts } from '@blip2/models';
import { type Shard, type TrainingData, trainsEncoder, type ValidationData } from '@blip2/runs';
import type { Parts } from '@blip2/training';
import { type Batches, stage1Batches, stage2Batches } from './batches.js';
import type { ImageTextConfig } from './config.js';
import type { OpenImages } from './open-images.js';
import { tasksOf } from './tasks.js';
import { stage2Texts } from './texts.js';

/** The most images on which a run is evaluated while it trains. */
const MOST_VALIDATION = 1000;
/** The number of images by whose features `ln_vision` is standardized. */
const SAMPLE = 512;

/** The images of a run. */
export interface TrainingImages {
  /** The name of the data set. */
  readonly name: string;
  readonly train: OpenImages;
  /** Absent where nothing is held out. */
  readonly held?: OpenImages | undefined;
}

/** Makes the training split of a run: the batches of both stages, and the validation tasks. */
export function trainingData(
  config: ImageTextConfig,
  { name, train, held }: TrainingImages,
  { parts, shard }: { readonly parts: Parts; readonly shard?: Shard | undefined },
): Omit<TrainingData, 'close'> {
  const { data } = config;
  const { items: images, features } = train;
  const inputs = { config, parts, images, features, shard };
  const prompts = data.prompts ?? defaultPrompts[parts.language?.kind ?? 'decoder'];
  const made: Batches<unknown>[] = [];
  const once = <B>(make: () => Batches<B>): (() => Batches<B>) => {
    let batches: Batches<B> | undefined;
    return () => {
      if (batches) return batches;
      batches = make();
      made.push(batches);
      return batches;
    };
  };
  const stage1 = once(() => stage1Batches(inputs));
  const stage2 = once(() => stage2Batches(inputs, prompts, stage2Texts(images, data.task, name)));
  return {
    stage1: (at) => stage1().at(at),
    stage2: (at) => stage2().at(at),
    waited: () => made.reduce((sum, batches) => sum + batches.waited(), 0),
    encoded: data.featureCache && !trainsEncoder(config),
    sampleFeatures: () => features.store.gather(spread(images.length, SAMPLE)),
    ...(held && held.items.length > 0 && { validation: async () => validationOf(held), selects: true }),
    prompts,
  };
}

function validationOf({ items, features }: OpenImages): ValidationData {
  const { store } = features;
  const length = Math.min(items.length, MOST_VALIDATION);
  return { ...tasksOf(items.slice(0, length), { ...store, length }), close: async () => {} };
}

/** At most `count` indices, evenly spread over a length. */
function spread(length: number, count: number): number[] {
  const some = Math.min(count, length);
  return Array.from({ length: some }, (_, i) => Math.floor((i * length) / some));
}
