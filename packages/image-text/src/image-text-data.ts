import type { ImageTextDataset, ImageTextItem } from '@blip2/data';
import { Disposables, type RunData, trainsEncoder } from '@blip2/runs';
import { type Parts, trainedVision, type VisionModel } from '@blip2/training';
import { checkCounts, noImages, reportSkipped } from './check-data.js';
import { type Collected, collect, split } from './collect.js';
import { type ImageTextConfig, type ImageTextDataConfig, imageTextConfigs } from './config.js';
import { type OpenImages, openImages, plainImages } from './open-images.js';
import { tasksOf } from './tasks.js';
import { answered } from './texts.js';
import { trainingData } from './training-data.js';

/** Options of `imageTextData`. */
export interface ImageTextOptions {
  /** Images that are held out of training, for validation. Default: a share of the data set, as the configuration says. */
  readonly validation?: ImageTextDataset | undefined;
  /** Whether the EXIF orientation of images is applied. Default true; LAVIS ignores it. */
  readonly orient?: boolean | undefined;
  /** Threads that decode images; 0: the thread that trains. Default: the cores but one, at most 4, and 0 for few images. */
  readonly workers?: number | undefined;
  /** The largest share of an evaluation split that may be unusable. Default 0.01. */
  readonly maxSkipped?: number | undefined;
}

/**
 * Makes a data set of runs from images with captions, questions or both: stage 1 trains on pairs of an image and a caption,
 * stage 2 on captions, on questions with answers, or on both; a model is evaluated by retrieval, captions and answers.
 *
 * Features of the frozen encoder are computed once and kept in the cache folder (`BLIP2_CACHE`), unless `data.featureCache`
 * of the configuration is false. What cannot be used is listed in `skipped.jsonl` of the run's folder.
 */
export function imageTextData(dataset: ImageTextDataset, options: ImageTextOptions = {}): RunData<ImageTextDataConfig> {
  const { validation, orient = true, workers, maxSkipped = 0.01 } = options;
  const { name, fingerprint } = dataset;
  const known = new Map<ImageTextDataset, Promise<Collected>>();
  const itemsOf = (source: ImageTextDataset, signal?: AbortSignal): Promise<Collected> => {
    const reading = known.get(source) ?? collect(source, signal);
    known.set(source, reading);
    return reading;
  };

  /** The items of training and of validation, and what the readers left out. */
  async function parts({ seed, data }: ImageTextConfig, signal?: AbortSignal) {
    const { items, skipped } = await itemsOf(dataset, signal);
    if (!validation) return { ...split(items, { share: data.validation, seed }), skipped };
    const given = await itemsOf(validation, signal);
    return { train: items, held: given.items, skipped: [...skipped, ...given.skipped] };
  }

  return {
    name,
    configs: imageTextConfigs,
    identity: ({ maxSkipped, ...trained }) => [trained, fingerprint, validation?.fingerprint ?? null],

    async check(config, context = {}) {
      const { train, held, skipped } = await parts(config, context.signal);
      const kept = train.length + held.length;
      reportSkipped({ name, kept, skipped }, { ...context, most: config.data.maxSkipped });
      checkCounts(train, { name, config, stages: context.stages });
      context.reporter?.note(describe(name, train, held));
    },

    async openTraining(config, context) {
      const { seed, data } = config;
      const { train, held, skipped } = await parts(config, context.signal);
      const opened = new Disposables();
      const open = async (...args: Parameters<typeof openImages>): Promise<OpenImages> =>
        opened.add(await openImages(...args), (images) => images.close());
      try {
        const common = { name, orient, workers, seed };
        const from = validation?.fingerprint ?? [data.validation, seed];
        const { encoder, parts: composed } = context;
        const pixels = trainsEncoder(config);
        // an encoder that is trained gives other features after each step
        const cache = pixels ? { featureCache: false } : {};
        const now = pixels
          ? { ...context, encoder: { ...encoder, vision: current(encoder.vision, composed) } }
          : context;
        const training = { ...common, data: { ...data, ...cache }, pixels, identity: [fingerprint, 'training', from] };
        const images = await open(train, training, now);
        const heldImages =
          held.length === 0
            ? undefined
            : await open(
                held,
                { ...common, data: { ...plainImages, ...cache }, identity: [fingerprint, 'validation', from] },
                now,
              );
        const broken = [...images.skipped, ...(heldImages?.skipped ?? [])];
        if (broken.length > 0) {
          const kept = images.items.length + (heldImages?.items.length ?? 0);
          reportSkipped({ name, kept, skipped: [...skipped, ...broken] }, { ...context, most: data.maxSkipped });
        }
        checkCounts(images.items, { name, config, stages: context.stages });
        return {
          ...trainingData(config, { name, train: images, held: heldImages }, context),
          close: () => opened.close(),
        };
      } catch (error) {
        await opened.close();
        throw error;
      }
    },

    async openEvaluation(_, context) {
      const { items, skipped } = await itemsOf(dataset, context.signal);
      if (items.length === 0) throw noImages(name);
      const how = { name, orient, workers, seed: 0, data: plainImages, identity: [fingerprint, 'all'] };
      const images = await openImages(items, how, context);
      try {
        const all = { name, kept: images.items.length, skipped: [...skipped, ...images.skipped] };
        reportSkipped(all, { ...context, most: maxSkipped });
        return { ...tasksOf(images.items, images.features.store), close: () => images.close() };
      } catch (error) {
        await images.close();
        throw error;
      }
    },
  };
}

/** The image encoder with what has been trained of it so far. */
const current = (vision: VisionModel, parts: Pick<Parts, 'vision' | 'encoder'>): VisionModel => ({
  ...vision,
  encode: (pixels) => trainedVision(parts).encode(pixels),
});

function describe(name: string, train: readonly ImageTextItem[], held: readonly ImageTextItem[]): string {
  const captions = train.reduce((sum, item) => sum + item.captions.length, 0);
  const questions = train.reduce((sum, item) => sum + answered(item).length, 0);
  const texts = [
    ...(captions > 0 ? [`${captions} captions`] : []),
    ...(questions > 0 ? [`${questions} questions with answers`] : []),
  ].join(' and ');
  const validation = held.length > 0 ? `, ${held.length} others for validation` : '';
  return `${name} has ${train.length} images with ${texts} to train on${validation}.`;
}
