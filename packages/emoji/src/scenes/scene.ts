import { hash, Random } from '../random.js';
import { type Split, splits } from '../vendors.js';
import { type Background, randomBackground } from './background.js';
import { captions, type QuestionAnswer, questions } from './grammar.js';
import { type PlacedEmoji, placeEmoji } from './layout.js';
import { type Plan, plan } from './plan.js';

/** A scene in words and places; `renderScene` makes the image. */
export interface Scene {
  readonly split: Split;
  readonly plan: Plan;
  readonly layout: readonly PlacedEmoji[];
  readonly background: Background;
  /** 'a red apple to the left of two cats' */
  readonly caption: string;
  /** Every way in which the grammar says it, the caption first: what a made caption is scored against. */
  readonly references: readonly string[];
  readonly qa: readonly QuestionAnswer[];
}

/**
 * The scene at a place of an endless list: a pure function of its arguments. The four types of question come equally
 * often in every twelve scenes, and their answers in every 96. The test shows Noto's drawings, and combinations (two
 * kinds together, a number of a kind, a place of a lone one) that the train split never shows.
 */
export function scene(seed: number, index: number, split: Split): Scene {
  const random = new Random(hash(seed, `${split} scene ${index}`));
  const planned = plan(index, split, random);
  const references = captions(planned);
  return {
    split,
    plan: planned,
    layout: placeEmoji(planned, splits[split], random),
    background: randomBackground(random),
    caption: references[0]!,
    references,
    qa: questions(planned, random),
  };
}

/** `count` sentences, questions and answers of the train split, for a language model that sees no images. */
export function sceneTexts(seed: number, count: number): string[] {
  const texts: string[] = [];
  for (let index = 0; texts.length < count; index++) {
    const { caption, qa } = scene(hash(seed, 'texts'), index, 'train');
    texts.push(caption, ...qa.map(({ question, answer }) => `question: ${question} answer: ${answer}`));
  }
  return texts.slice(0, count);
}
