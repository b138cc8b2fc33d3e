import { hash, Random } from '../random.js';
import { type Split, splits, type Vendor } from '../vendors.js';
import { type Background, randomBackground } from './background.js';
import { captions, type QuestionAnswer, questions } from './grammar.js';
import { type PlacedEmoji, placeEmoji } from './layout.js';
import { type Plan, plan } from './plan.js';
import { loadNouns, type Noun } from './vocabulary.js';

/** A scene with its caption and questions; {@link renderScene} renders its image. */
export interface Scene {
  readonly split: Split;
  readonly plan: Plan;
  /** The objects in the order in which they are drawn. */
  readonly layout: readonly PlacedEmoji[];
  readonly background: Background;
  /** 'a red apple to the left of two cats' */
  readonly caption: string;
  /** All captions of the grammar for the scene, `caption` first: the references of caption metrics. */
  readonly references: readonly string[];
  /** Questions with their answers. */
  readonly qa: readonly QuestionAnswer[];
}

/** Which endless list of scenes; see {@link scene}. */
export interface SceneChoice {
  readonly seed: number;
  /** Whose combinations are shown. */
  readonly split: Split;
  /** Whose drawings are shown. Default: the split's. */
  readonly vendors?: readonly Vendor[];
  /** What scenes show. Default: {@link loadNouns}. */
  readonly nouns?: readonly Noun[];
}

/**
 * Generates a scene as a pure function of its arguments. The four types of question are equally frequent in every twelve
 * scenes, and the answers of 'where', 'how many' and 'is there' in every 96. The test split has Noto's drawings, and
 * combinations (two kinds together, a count of a kind, a position of a single object) that the train split never has.
 */
export function scene(
  index: number,
  { seed, split, vendors = splits[split], nouns = loadNouns() }: SceneChoice,
): Scene {
  const random = new Random(hash(seed, `${split} scene ${index}`));
  const planned = plan(index, { split, nouns }, random);
  const references = captions(planned);
  return {
    split,
    plan: planned,
    layout: placeEmoji(planned, vendors, random),
    background: randomBackground(random),
    caption: references[0]!,
    references,
    qa: questions(planned, nouns, random),
  };
}

/** Generates `count` captions and questions with answers of the train split, to train a language model on. */
export function sceneTexts(seed: number, count: number): string[] {
  const texts: string[] = [];
  for (let index = 0; texts.length < count; index++) {
    const { caption, qa } = scene(index, { seed: hash(seed, 'texts'), split: 'train' });
    texts.push(caption, ...qa.map(({ question, answer }) => `question: ${question} answer: ${answer}`));
  }
  return texts.slice(0, count);
}
