import { captionProcessor } from '@blip2/data';
import { sceneGroups, scenePrompts } from '@blip2/emoji';
import { hash, rng } from '@blip2/tensor';
import type { Position } from '@blip2/trainer';
import { type Lesson, type Lessons, lessonBatch } from '../data/lessons.js';
import { mixture, turns } from '../data/mixture.js';
import { type Pairs, pairBatch } from '../data/pairs.js';
import { fillTemplate } from '../model/prompts.js';
import { languageOf } from '../parts/compose.js';
import type { PairBatch } from '../stages/stage1.js';
import type { TextBatch } from '../stages/stage2.js';
import type { World } from './world.js';

/** Batches of stage 1: emoji with their names, and scenes with a caption. */
export function stage1Batches({ config, parts, emoji, scenes }: World): (at: Position) => Promise<PairBatch> {
  const { textLength, sceneShare, scenes: count } = config.data;
  const options = { tokenizer: parts.text.tokenizer, textLength };
  const numbers = numbering();
  const lengths = once((text) => options.tokenizer.encode(text).length);
  const pairs = (features: Pairs['features'], text: (index: number) => string) => ({
    count: features.length,
    size: (index: number) => lengths(text(index)),
    batch: (places: number[]) => pairBatch({ features, text, same: (index) => numbers(text(index)) }, places, options),
  });
  const { batch } = config.stage1;
  const next = mixture(
    turns(
      pairs(emoji.features, (index) => captionProcessor(emoji.about(index).label)),
      { batch, seed: config.seed },
    ),
    turns(
      pairs(scenes.features, (index) => scenes.about(index).caption),
      { batch, seed: config.seed },
    ),
    count === 0 ? 0 : sceneShare,
  );
  return ({ position }) => next(position);
}

/** Of the batches of stage 2 that are about scenes, the share that asks; the others are captions. */
const ASKING = 0.5;
/** Questions of one scene in a batch: its soft prompt is computed once for them. */
const QUESTIONS = 2;
/** Of all batches of stage 2, those that name single emoji. */
const NAMING = 0.1;

/**
 * Batches of stage 2: captions of scenes, questions about them, names of emoji. Each kind has batches of its own, as its
 * texts are of about one length.
 */
export function stage2Batches({ config, parts, emoji, scenes }: World): (at: Position) => Promise<TextBatch> {
  const language = languageOf(parts);
  const lessons = (source: Lessons) =>
    turns(
      {
        count: source.features.length,
        batch: (places: number[]) => (random: () => number) => lessonBatch(source, places, { language, random }),
      },
      { batch: config.stage2.batch, seed: config.seed },
    );
  const shown = {
    features: scenes.features,
    phrases: (index: number) => sceneGroups(scenes.about(index).plan).map((words) => words.join(' ')),
  };
  const label = (index: number): string => captionProcessor(emoji.about(index).label);
  const captioned = (target: string): Lesson[] => [{ prompt: scenePrompts.caption, target }];
  const asked = (index: number, random: () => number): Lesson[] =>
    draw(scenes.about(index).qa, QUESTIONS, random).map(({ question, answer }) => {
      return { prompt: fillTemplate(scenePrompts.question, question), target: answer };
    });
  const next = mixture(
    mixture(
      lessons({ ...shown, lessons: (index) => captioned(scenes.about(index).caption) }),
      lessons({ ...shown, lessons: asked }),
      ASKING,
    ),
    lessons({
      features: emoji.features,
      phrases: (index) => label(index).split(' '),
      lessons: (index) => captioned(label(index)),
    }),
    config.data.scenes === 0 ? 1 : NAMING,
  );
  const shownAlone = lessons({ ...shown, lessons: () => [] });
  const { phraseSteps } = config.stage2;
  return ({ position, seed }) => {
    const random = rng(hash(seed, 'lessons'));
    return position < phraseSteps ? shownAlone(position)(random) : next(position - phraseSteps)(random);
  };
}

/** The same function, which computes its value for each text once. */
function once<T>(of: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const value = known.get(text) ?? of(text);
    known.set(text, value);
    return value;
  };
}

/** A number for each text: equal for equal texts. */
function numbering(): (text: string) => number {
  let next = 0;
  return once(() => next++);
}

/** Some of the items, none twice. */
function draw<T>(items: readonly T[], count: number, random: () => number): T[] {
  const left = [...items];
  return Array.from({ length: Math.min(count, items.length) }, () => {
    return left.splice(Math.floor(random() * left.length), 1)[0] as T;
  });
}
