import { captionProcessor } from '@blip2/data';
import {
  countHeldOut,
  loadEmoji,
  type Noun,
  type QuestionType,
  questionTypes,
  type Scene,
  sceneGroups,
  sceneNumbers,
  scenePrompts,
} from '@blip2/emoji';
import { fillTemplate } from '@blip2/models';
import { rowsOf, type Shard } from '@blip2/runs';
import { hash, rng } from '@blip2/tensor';
import type { Position } from '@blip2/trainer';
import type { FeatureStore, Parts, Stage1Batch, Stage2Batch } from '@blip2/training';
import {
  type BatchAt,
  batchIterator,
  collateStage1,
  collateStage2,
  type HeldOutWord,
  languageOf,
  mixBatches,
  type Sample,
  type SampleSource,
} from '@blip2/training';
import type { EmojiConfig } from './config.js';
import type { EncodedEmoji, EncodedScenes, EncodedSingles } from './encoded-data.js';
import { featureDropout } from './feature-dropout.js';

/** What the batches of both stages are made of; what is absent, the configuration does not have. */
export interface BatchInputs {
  readonly config: EmojiConfig;
  readonly parts: Parts;
  readonly emoji: EncodedEmoji;
  /** Scenes of the nouns that the test asks about. */
  readonly scenes: EncodedScenes;
  /** Scenes of any emoji. */
  readonly wideScenes?: EncodedScenes | undefined;
  /** Single drawings of the nouns that the test asks about. */
  readonly singles?: EncodedSingles | undefined;
  /** Single drawings of any emoji. */
  readonly views?: EncodedSingles | undefined;
  /** The part of every batch that is made, where several processes train together. Default: all of it. */
  readonly shard?: Shard | undefined;
}

/** The share of drawings of emoji that stage 1 shows in other places and sizes and on other backgrounds. */
const VIEW_SHARE = 0.5;

/** Creates the batches of stage 1: emoji with their names, scenes with a caption, and single drawings with one. */
export function stage1Batches({
  config,
  parts,
  emoji,
  scenes,
  wideScenes,
  singles,
  views,
  shard,
}: BatchInputs): (at: Position) => Promise<Stage1Batch> {
  const { textLength, sceneShare, scenes: count } = config.data;
  const options = { tokenizer: parts.text.tokenizer, textLength };
  const numbers = numbering();
  const lengths = memoized((text) => options.tokenizer.encode(text).length);
  const pairs = (
    store: FeatureStore,
    text: (index: number) => string,
    { order, negatives }: { order?: ((index: number) => number) | undefined; negatives?: NegativeNames } = {},
  ) => {
    const features = dropping(store, config);
    const { begin, end } = rowsOf(config.stage1.batchSize, shard);
    const batch = (places: number[]) => {
      for (const index of places) numbers(text(index)); // of the whole batch, so that all processes number alike
      const own = places.slice(begin, end);
      const given = negatives && { negatives: () => negatives(places.map(text)) };
      return collateStage1({ features, text, imageId: (index) => numbers(text(index)), ...given }, own, options);
    };
    return batchIterator(
      { count: store.length, lengthOf: order ?? ((index: number) => lengths(text(index))), batch },
      { batchSize: config.stage1.batchSize, seed: config.seed },
    );
  };
  const captioned = (of: EncodedScenes | EncodedSingles) => pairs(of.features, (index) => of.metadata(index).caption);
  const name = ({ label }: { readonly label: string }): string => captionProcessor(label);
  const places = new Map(loadEmoji().map(({ code }, place) => [code, place]));
  // emoji that are near each other in Unicode's order are alike: as hard negatives of each other they train the model to distinguish them
  const near = (codeOf: (index: number) => string) =>
    config.data.nearNames ? (index: number) => places.get(codeOf(index)) ?? 0 : undefined;
  const negatives = negativeNames(config);
  const named = withShare(
    pairs(emoji.features, (index) => name(emoji.metadata(index)), {
      order: near((index) => emoji.metadata(index).code),
      ...(negatives && { negatives }),
    }),
    views &&
      pairs(views.features, (index) => name(views.metadata(index).noun.entry), {
        order: near((index) => views.metadata(index).noun.entry.code),
        ...(negatives && { negatives }),
      }),
    VIEW_SHARE,
  );
  const { adjustCounts, wideShare } = config.data;
  // captions of the 85 nouns would teach ITG which count each never has
  const share = adjustCounts && wideScenes ? 1 : wideShare;
  const shown = withShare(captioned(scenes), wideScenes && captioned(wideScenes), share);
  const mixed = mixBatches(named, shown, count === 0 ? 0 : sceneShare);
  const next = withShare(mixed, singles && captioned(singles), config.data.singleShare);
  return ({ position }) => next(position);
}

/** Gives names of which none is among those of a batch. */
type NegativeNames = (own: readonly string[]) => readonly string[];

/** Draws names of the emoji that are trained on, as many as the configuration says; a function of the batch's names alone. */
function negativeNames({ data, seed }: EmojiConfig): NegativeNames | undefined {
  if (data.negativeNames === 0) return undefined;
  const all = [
    ...new Set(
      loadEmoji()
        .slice(0, data.emoji ?? undefined)
        .map(({ label }) => captionProcessor(label)),
    ),
  ];
  return (own) => {
    const inBatch = new Set(own);
    return draw(
      all.filter((name) => !inBatch.has(name)),
      data.negativeNames,
      rng(hash(seed, `negative names ${own.join()}`)),
    );
  };
}

/** Mixes batches of a second kind into others in some share, where there are any. */
function withShare<A, B>(others: BatchAt<A>, second: BatchAt<B> | undefined, share: number): BatchAt<A | B> {
  return second ? mixBatches(others, second, share) : others;
}

const dropping = (features: FeatureStore, { data, seed }: EmojiConfig): FeatureStore =>
  data.featureDropout > 0 ? featureDropout(features, { rate: data.featureDropout, seed }) : features;

/** The share of questions among the batches of stage 2 that are about scenes; the others are captions. */
const QUESTION_SHARE = 0.5;
/** Questions per scene in a batch; they share its soft prompt. */
const QUESTIONS = 2;

/**
 * Creates the batches of stage 2: captions of scenes, questions about them, names of emoji, and captions of single drawings.
 * A batch has texts of one kind, which have similar lengths.
 */
export function stage2Batches({
  config,
  parts,
  emoji,
  scenes,
  wideScenes,
  singles,
  views,
  shard,
}: BatchInputs): (at: Position) => Promise<Stage2Batch> {
  const language = languageOf(parts);
  const batches = (source: SampleSource) =>
    batchIterator(
      {
        count: source.features.length,
        batch: (places: number[]) => (random: () => number) => {
          const { begin, end } = rowsOf(config.stage2.batchSize, shard);
          // of the whole batch, so that the texts do not depend on who has which part of it
          const drawn = places.map((index) => source.samples(index, random));
          const own = places.slice(begin, end);
          let row = begin;
          const samples = (): readonly Sample[] => drawn[row++] as readonly Sample[];
          return collateStage2({ ...source, samples, features: dropping(source.features, config) }, own, {
            language,
            random,
          });
        },
      },
      { batchSize: config.stage2.batchSize, seed: config.seed },
    );
  type SamplesOf<T> = (metadata: T, random: () => number) => Sample[];
  type SceneMetadata = ReturnType<EncodedScenes['metadata']>;
  const { adjustCounts } = config.data;
  const ofScenes = (of: EncodedScenes, samples: SamplesOf<SceneMetadata>) => {
    const nounsOf = (index: number) => nounsIn(of.metadata(index));
    return batches({
      features: of.features,
      phrases: (index) => sceneGroups(of.metadata(index).plan).map((words) => words.join(' ')),
      samples: (index, random) => adjusted(samples(of.metadata(index), random), nounsOf(index)),
      ...(adjustCounts && { heldOutOfPhrases: (index) => nounsOf(index).map(numberHeldOut) }),
    });
  };
  const adjusted = (samples: Sample[], nouns: readonly Noun[]): Sample[] =>
    adjustCounts ? samples.map((sample) => ({ ...sample, heldOut: numbersHeldOut(sample.target, nouns) })) : samples;
  const captionSamples = (target: string): Sample[] => [{ prompt: scenePrompts.caption, target }];
  const questions =
    (...types: readonly QuestionType[]): SamplesOf<SceneMetadata> =>
    ({ qa }, random) =>
      draw(
        qa.filter(({ type }) => types.includes(type)),
        QUESTIONS,
        random,
      ).map(({ question, answer }) => {
        return { prompt: fillTemplate(scenePrompts.question, question), target: answer };
      });
  const singleBatches = (of: EncodedSingles, samples: (caption: string) => Sample[]) =>
    batches({
      features: of.features,
      phrases: (index) => [`${of.metadata(index).noun.one} one`],
      samples: (index) => adjusted(samples(of.metadata(index).caption), [of.metadata(index).noun]),
      ...(adjustCounts && { heldOutOfPhrases: (index) => [numberHeldOut(of.metadata(index).noun)] }),
    });
  const label = (index: number): string => captionProcessor(emoji.metadata(index).label);
  const named = views
    ? singleBatches(views, captionSamples)
    : batches({
        features: emoji.features,
        phrases: (index) => label(index).split(' '),
        samples: (index) => captionSamples(label(index)),
      });
  const none = () => [];
  // a small language model generates hardly any name of these scenes: of captions it predicts all other words, and questions are
  // those that no name answers
  const widePhrases = wideScenes && ofScenes(wideScenes, none);
  const wide =
    wideScenes &&
    mixBatches(
      ofScenes(wideScenes, (shown) =>
        captionSamples(shown.caption).map((sample) => ({
          ...sample,
          weights: namesIgnored(shown.caption, nounsIn(shown)),
        })),
      ),
      ofScenes(wideScenes, questions('how many', 'where')),
      QUESTION_SHARE,
    );
  const mixed = mixBatches(
    mixBatches(
      ofScenes(scenes, ({ caption }) => captionSamples(caption)),
      ofScenes(scenes, questions(...questionTypes)),
      QUESTION_SHARE,
    ),
    named,
    config.data.scenes === 0 ? 1 : config.data.nameShare,
  );
  const phrases = withShare(
    withShare(ofScenes(scenes, none), widePhrases, config.data.wideShare),
    singles && singleBatches(singles, none),
    config.data.singleShare,
  );
  const texts = withShare(
    withShare(mixed, wide, config.data.wideShare),
    singles && singleBatches(singles, captionSamples),
    config.data.singleShare,
  );
  const { phraseSteps } = config.stage2;
  return ({ position, seed }) => {
    const random = rng(hash(seed, 'lessons'));
    return position < phraseSteps ? phrases(position)(random) : texts(position - phraseSteps)(random);
  };
}

/** The kinds of a scene in the order of its caption. */
const nounsIn = ({ plan: { subject, other } }: Pick<Scene, 'plan'>): Noun[] =>
  [subject, ...(other ? [other] : [])].map(({ noun }) => noun);

/** The word for the count in which training never shows a kind. */
function numberHeldOut(noun: Noun): string | undefined {
  const count = countHeldOut(noun);
  return count === undefined ? undefined : sceneNumbers[count - 1];
}

/** For each word of a caption or an answer that states a count, of the kinds in their order, the count that training never shows of it. */
export function numbersHeldOut(target: string, nouns: readonly Noun[]): HeldOutWord[] {
  const places = target.split(' ').flatMap((word, place) => (sceneNumbers.includes(word) ? [place] : []));
  return places.flatMap((place, i) => {
    const word = nouns[i] && numberHeldOut(nouns[i]);
    return word === undefined ? [] : [{ place, word }];
  });
}

/** The weights of a caption's words, 0 for those of its kinds' names and 1 for all others: its counts and what is where. */
export function namesIgnored(caption: string, nouns: readonly Noun[]): number[] {
  const weights: number[] = caption.split(' ').map(() => 1);
  const [first = 0, second = 0] = nouns.map(({ one }) => one.split(' ').length);
  return weights.fill(0, 1, 1 + first).fill(0, weights.length - second);
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
