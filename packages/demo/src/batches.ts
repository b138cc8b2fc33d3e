import { captionProcessor } from '@blip2/data';
import { sceneGroups, scenePrompts } from '@blip2/emoji';
import { fillTemplate } from '@blip2/models';
import { hash, rng } from '@blip2/tensor';
import type { Position } from '@blip2/trainer';
import type { Parts, Stage1Batch, Stage2Batch } from '@blip2/training';
import {
  type BatchAt,
  batchIterator,
  collateStage1,
  collateStage2,
  type ImageTextPairs,
  languageOf,
  mixBatches,
  type Sample,
  type SampleSource,
} from '@blip2/training';
import type { EmojiConfig } from './config.js';
import type { EncodedEmoji, EncodedScenes, EncodedSingles } from './encoded-data.js';

/** What the batches of both stages are made of. */
export interface BatchInputs {
  readonly config: EmojiConfig;
  readonly parts: Parts;
  readonly emoji: EncodedEmoji;
  readonly scenes: EncodedScenes;
  /** Absent where the configuration has none. */
  readonly singles?: EncodedSingles | undefined;
}

/** Creates the batches of stage 1: emoji with their names, scenes with a caption, and single drawings with one. */
export function stage1Batches({
  config,
  parts,
  emoji,
  scenes,
  singles,
}: BatchInputs): (at: Position) => Promise<Stage1Batch> {
  const { textLength, sceneShare, scenes: count } = config.data;
  const options = { tokenizer: parts.text.tokenizer, textLength };
  const numbers = numbering();
  const lengths = memoized((text) => options.tokenizer.encode(text).length);
  const pairs = (features: ImageTextPairs['features'], text: (index: number) => string) => ({
    count: features.length,
    lengthOf: (index: number) => lengths(text(index)),
    batch: (places: number[]) =>
      collateStage1({ features, text, imageId: (index) => numbers(text(index)) }, places, options),
  });
  const { batchSize } = config.stage1;
  const mixed = mixBatches(
    batchIterator(
      pairs(emoji.features, (index) => captionProcessor(emoji.metadata(index).label)),
      { batchSize, seed: config.seed },
    ),
    batchIterator(
      pairs(scenes.features, (index) => scenes.metadata(index).caption),
      { batchSize, seed: config.seed },
    ),
    count === 0 ? 0 : sceneShare,
  );
  const single =
    singles &&
    batchIterator(
      pairs(singles.features, (index) => singles.metadata(index).caption),
      { batchSize, seed: config.seed },
    );
  const next = withSingles(mixed, single, config);
  return ({ position }) => next(position);
}

/** Mixes batches of single drawings into others, in the share that the configuration says. */
function withSingles<A, B>(others: BatchAt<A>, single: BatchAt<B> | undefined, { data }: EmojiConfig): BatchAt<A | B> {
  return single ? mixBatches(others, single, data.singleShare) : others;
}

/** The share of questions among the batches of stage 2 that are about scenes; the others are captions. */
const QUESTION_SHARE = 0.5;
/** Questions per scene in a batch; they share its soft prompt. */
const QUESTIONS = 2;
/** The share of batches of stage 2 whose targets are names of single emoji. */
const NAME_SHARE = 0.1;

/**
 * Creates the batches of stage 2: captions of scenes, questions about them, names of emoji, and captions of single drawings.
 * A batch has texts of one kind, which have similar lengths.
 */
export function stage2Batches({
  config,
  parts,
  emoji,
  scenes,
  singles,
}: BatchInputs): (at: Position) => Promise<Stage2Batch> {
  const language = languageOf(parts);
  const batches = (source: SampleSource) =>
    batchIterator(
      {
        count: source.features.length,
        batch: (places: number[]) => (random: () => number) => collateStage2(source, places, { language, random }),
      },
      { batchSize: config.stage2.batchSize, seed: config.seed },
    );
  const sceneSource = {
    features: scenes.features,
    phrases: (index: number) => sceneGroups(scenes.metadata(index).plan).map((words) => words.join(' ')),
  };
  const label = (index: number): string => captionProcessor(emoji.metadata(index).label);
  const captionSamples = (target: string): Sample[] => [{ prompt: scenePrompts.caption, target }];
  const questions = (index: number, random: () => number): Sample[] =>
    draw(scenes.metadata(index).qa, QUESTIONS, random).map(({ question, answer }) => {
      return { prompt: fillTemplate(scenePrompts.question, question), target: answer };
    });
  const mixed = mixBatches(
    mixBatches(
      batches({ ...sceneSource, samples: (index) => captionSamples(scenes.metadata(index).caption) }),
      batches({ ...sceneSource, samples: questions }),
      QUESTION_SHARE,
    ),
    batches({
      features: emoji.features,
      phrases: (index) => label(index).split(' '),
      samples: (index) => captionSamples(label(index)),
    }),
    config.data.scenes === 0 ? 1 : NAME_SHARE,
  );
  const singleBatches = (samples: (caption: string) => Sample[]) =>
    singles &&
    batches({
      features: singles.features,
      phrases: (index) => [`${singles.metadata(index).noun.one} one`],
      samples: (index) => samples(singles.metadata(index).caption),
    });
  const phrases = withSingles(
    batches({ ...sceneSource, samples: () => [] }),
    singleBatches(() => []),
    config,
  );
  const texts = withSingles(mixed, singleBatches(captionSamples), config);
  const { phraseSteps } = config.stage2;
  return ({ position, seed }) => {
    const random = rng(hash(seed, 'lessons'));
    return position < phraseSteps ? phrases(position)(random) : texts(position - phraseSteps)(random);
  };
}

/** Memoizes a function of a text. */
function memoized<T>(of: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const value = known.get(text) ?? of(text);
    known.set(text, value);
    return value;
  };
}

/** Numbers texts: equal texts have equal numbers. */
function numbering(): (text: string) => number {
  let next = 0;
  return memoized(() => next++);
}

/** Draws items without replacement. */
function draw<T>(items: readonly T[], count: number, random: () => number): T[] {
  const left = [...items];
  return Array.from({ length: Math.min(count, items.length) }, () => {
    return left.splice(Math.floor(random() * left.length), 1)[0] as T;
  });
}
