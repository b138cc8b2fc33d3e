import { captionProcessor } from '@blip2/data';
import {
  loadAllNouns,
  loadEmoji,
  questionTypes,
  retrievalCandidates,
  scenePrompts,
  splits,
  type Vendor,
} from '@blip2/emoji';
import {
  type DataContext,
  Disposables,
  type EvaluationData,
  type EvaluationTasks,
  type RetrievalData,
  type RunData,
  type TrainingData,
} from '@blip2/runs';
import type { FeatureStore, Parts } from '@blip2/training';
import { stage1Batches, stage2Batches } from './batches.js';
import { type EmojiConfig, type EmojiDataConfig, emojiConfigs } from './config.js';
import {
  type EncodedData,
  type EncodedEmoji,
  type EncodedScenes,
  type EncodedSingles,
  encodeEmoji,
  encodeScenes,
  encodeSingles,
} from './encoded-data.js';
import { type TrainingImages, trainingImages } from './training-images.js';
import { reordered, vendorMix } from './vendor-mix.js';

/**
 * The evaluation split of `emojiData`: Noto's drawings of the 400 retrieval candidates, in scenes, and single ones. The
 * split `known` has the training vendors' drawings in scenes and places that training never shows; its emoji are
 * OpenMoji's, which training shows as they are.
 */
export interface EmojiEvaluation extends EvaluationData, EncodedSplit {
  /** The images of both splits. */
  readonly images: { readonly unseen: EncodedSplit; readonly known: EncodedSplit };
}

/** The number of test scenes for a model without a run's configuration. */
const TEST_SCENES = 288;

/** Scenes by which a run decides whether ITM re-ranking helps: combinations held out of training, drawn by its vendors. */
const VALIDATION = { vendors: splits.train, count: 96, seed: 2_000_003 };

/** Of the places and backgrounds of single drawings; training draws others. */
const TEST_SEED = 1_000_003;

/** The number of images by whose features `ln_vision` is standardized. */
const SAMPLE = 512;

/**
 * The data set of the demo: emoji, and scenes composed of them. The training split has the drawings of OpenMoji, Twemoji
 * and both Fluent sets, the evaluation split those of Noto.
 */
export const emojiData: RunData<EmojiDataConfig, EmojiEvaluation> = {
  name: 'emoji',
  configs: emojiConfigs,
  check: checkCounts,
  identity: ({ testScenes, ...trained }) => trained,

  openTraining: (config, context) => emojiTraining(config, context),

  async openEvaluation({ config, seed }, { encoder, reporter, signal }) {
    const options = { vision: encoder.vision, ...fingerprintOf(encoder), reporter, signal };
    const chosen = { count: config?.data.testScenes ?? TEST_SCENES, seed: seed ?? config?.seed ?? 0 };
    const opened = new Disposables();
    try {
      const open = async (vendors: readonly Vendor[]) => {
        const entries = retrievalCandidates();
        return {
          emoji: opened.add(await encodeEmoji('test', { entries, vendors: vendors.slice(0, 1) }, options), close),
          scenes: opened.add(await encodeScenes('test', { ...chosen, vendors }, options), close),
          singles: opened.add(await encodeSingles('test', { variants: 1, seed: TEST_SEED, vendors }, options), close),
        };
      };
      const unseen = await open(splits.test);
      const known = await open(splits.train);
      const images = { unseen, known };
      return {
        ...unseen,
        images,
        ...tasksOf(unseen),
        search: searchOf(unseen),
        known: tasksOf(known),
        close: () => opened.close(),
      };
    } catch (error) {
      await opened.close();
      throw error;
    }
  },
};

/** What {@link emojiTraining} is given. */
export interface EmojiTrainingContext extends DataContext {
  readonly parts: Parts;
  /** Draws the images. Default: {@link trainingImages}. */
  readonly images?: TrainingImages;
}

/** Opens the training split of `emojiData`, of images that may be drawn otherwise. */
export async function emojiTraining(config: EmojiConfig, context: EmojiTrainingContext): Promise<TrainingData> {
  const { encoder, parts, reporter, signal, shard } = context;
  const options = { vision: encoder.vision, ...fingerprintOf(encoder), reporter, signal };
  const { images = trainingImages(options) } = context;
  const {
    emoji: count,
    scenes: sceneCount,
    singles: variants,
    wideScenes: wideCount,
    emojiViews: viewCount,
    vendorMix: reach,
  } = config.data;
  const { seed } = config;
  const opened = new Disposables();
  try {
    /** Opens images; with `vendorMix`, mixed with the same ones as other vendors draw them. */
    const open = async <T>(encode: (vendorShift: number) => Promise<EncodedData<T>>): Promise<EncodedData<T>> => {
      const own = opened.add(await encode(0), close);
      if (reach === null) return own;
      const others = opened.add(await encode(1), close);
      return { ...own, features: vendorMix(own.features, { others: others.features, reach, seed }) };
    };
    const nouns = loadAllNouns();
    const entries = loadEmoji().slice(0, count ?? undefined);
    const emoji = opened.add(await images.emoji(entries), close);
    const scenes = await open((vendorShift) => images.scenes({ count: Math.max(sceneCount, 1), seed, vendorShift }));
    const singles =
      variants > 0 ? await open((vendorShift) => images.singles({ variants, seed, vendorShift })) : undefined;
    const wideScenes =
      wideCount > 0
        ? await open((vendorShift) => images.scenes({ count: wideCount, seed: seed + 1, nouns, vendorShift }))
        : undefined;
    const views =
      viewCount > 0
        ? await open((vendorShift) => images.singles({ variants: viewCount, seed: seed + 1, nouns, vendorShift }))
        : undefined;
    const named =
      reach === null ? emoji : { ...emoji, features: mixedEmoji(emoji, { count: entries.length, reach, seed }) };
    const inputs = { config, parts, emoji: named, scenes, singles, wideScenes, views, shard };
    let stage2: ReturnType<typeof stage2Batches> | undefined;
    return {
      stage1: stage1Batches(inputs),
      stage2: (at) => {
        stage2 ??= stage2Batches(inputs);
        return stage2(at);
      },
      sampleFeatures: () => sampleFeatures(emoji),
      validation: async () => {
        const { vendors, count, seed: held } = VALIDATION;
        const scenes = await encodeScenes('test', { vendors, count, seed: held }, options);
        const texts = Array.from({ length: count }, (_, index) => scenes.metadata(index).caption);
        return { retrieval: { features: scenes.features, texts }, close: () => scenes.close() };
      },
      prompts: scenePrompts,
      close: () => opened.close(),
    };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

const close = (data: { close(): Promise<void> }): Promise<void> => data.close();

/** The images of a split: drawings of emoji, scenes, and single drawings. */
export interface EncodedSplit {
  readonly emoji: EncodedEmoji;
  readonly scenes: EncodedScenes;
  readonly singles: EncodedSingles;
}

/** Retrieval of emoji by name, captions of scenes and of single drawings, and the questions about scenes. */
function tasksOf({ emoji, scenes, singles }: EncodedSplit): Required<Omit<EvaluationTasks, 'search'>> {
  return {
    retrieval: {
      features: emoji.features,
      texts: indices(emoji.features).map((index) => captionProcessor(emoji.metadata(index).label)),
    },
    captions: { features: scenes.features, references: (index) => scenes.metadata(index).references },
    single: { features: singles.features, references: (index) => [singles.metadata(index).caption] },
    vqa: {
      features: scenes.features,
      types: questionTypes,
      questions: indices(scenes.features).flatMap((image) =>
        scenes.metadata(image).qa.map((one) => ({ image, ...one })),
      ),
    },
  };
}

/** Search of single drawings by name; each name has one drawing. */
const searchOf = ({ singles: { features, metadata } }: EncodedSplit): RetrievalData => ({
  features,
  texts: indices(features).map((index) => metadata(index).noun.one),
});

const indices = ({ length }: FeatureStore): number[] => Array.from({ length }, (_, i) => i);

const fingerprintOf = ({ fingerprint }: { readonly fingerprint?: string }) =>
  fingerprint === undefined ? {} : { fingerprint };

/** @throws where the data are fewer than a batch */
function checkCounts({ data, stage1, stage2 }: EmojiConfig): void {
  const emoji = 4 * (data.emoji ?? loadEmoji().length);
  for (const [name, { batchSize }] of Object.entries({ stage1, stage2 })) {
    const short = emoji < batchSize ? `${emoji} drawings of emoji` : `${data.scenes} scenes`;
    if (emoji < batchSize || (data.scenes > 0 && data.scenes < batchSize)) {
      throw new Error(
        `${short} do not fill a batch of ${batchSize} in ${name}; train on more or lower its 'batchSize'.`,
      );
    }
  }
}

/** Drawings of emoji on white, mixed with those of the next vendor: item i is emoji `i mod n` by vendor `i div n`. */
const mixedEmoji = (
  { features }: EncodedEmoji,
  { count, ...mix }: { readonly count: number; readonly reach: number; readonly seed: number },
): FeatureStore => vendorMix(features, { ...mix, others: reordered(features, (i) => (i + count) % features.length) });

async function sampleFeatures({ features }: EncodedEmoji) {
  const count = Math.min(SAMPLE, features.length);
  return features.gather(Array.from({ length: count }, (_, i) => Math.floor((i * features.length) / count)));
}
