import { captionProcessor } from '@blip2/data';
import { hash, rng } from '@blip2/tensor';
import type { Position } from '@blip2/trainer';
import { type Lesson, type Lessons, lessonBatch } from '../data/lessons.js';
import { mixture, type Pairs, pairBatch } from '../data/pairs.js';
import { fillTemplate } from '../model/prompts.js';
import { languageOf } from '../parts/compose.js';
import type { PairBatch } from '../stages/stage1.js';
import type { TextBatch } from '../stages/stage2.js';
import { scenePrompts } from './prompts.js';
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
  const next = mixture(
    pairs(emoji.features, (index) => captionProcessor(emoji.about(index).label)),
    pairs(scenes.features, (index) => scenes.about(index).caption),
    { batch: config.stage1.batch, seed: config.seed, share: count === 0 ? 0 : sceneShare },
  );
  return ({ position }) => next(position);
}

/** Lessons of one scene in a batch: its soft prompt is computed once for all of them. */
const LESSONS = 3;
/** Of the batches of stage 2 that name single emoji. */
const EMOJI_SHARE = 0.1;

/** Batches of stage 2: scenes with captions, questions and answers, and emoji with their names. */
export function stage2Batches({ config, parts, emoji, scenes }: World): (at: Position) => Promise<TextBatch> {
  const language = languageOf(parts);
  const lessons = (source: Lessons, perPicture: number) => ({
    count: source.features.length,
    batch: (places: number[]) => (random: () => number) =>
      lessonBatch(source, places, { language, perPicture, random }),
  });
  const told = (index: number): Lesson[] => {
    const { caption, qa } = scenes.about(index);
    const asked = qa.map(({ question, answer }): Lesson => {
      return { prompt: fillTemplate(scenePrompts.question, question), target: answer };
    });
    return [{ prompt: scenePrompts.caption, target: caption }, ...asked];
  };
  const named = (index: number): Lesson[] => {
    return [{ prompt: scenePrompts.caption, target: captionProcessor(emoji.about(index).label) }];
  };
  const next = mixture(
    lessons({ features: scenes.features, lessons: told }, LESSONS),
    lessons({ features: emoji.features, lessons: named }, 1),
    { batch: config.stage2.batch, seed: config.seed, share: config.data.scenes === 0 ? 1 : EMOJI_SHARE },
  );
  return ({ position, seed }) => next(position)(rng(hash(seed, 'lessons')));
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
