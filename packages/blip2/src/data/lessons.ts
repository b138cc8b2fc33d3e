import { padBatch, toIdTensors } from '@blip2/data';
import * as tf from '@tensorflow/tfjs';
import type { TextBatch } from '../stages/stage2.js';
import type { FeatureStore } from './features.js';
import { paddedPrompts, promptRow, type Words } from './texts.js';

/** What is asked of a picture, in the language model's words, and what it is to say. */
export interface Lesson {
  readonly prompt: string;
  readonly target: string;
}

/** Pictures that were looked at, and what can be learned from each. */
export interface Lessons {
  readonly features: FeatureStore;
  lessons(index: number): readonly Lesson[];
}

export interface LessonOptions {
  /** The language model that learns: its tokenizer and its special ids. */
  readonly language: Words;
  /** Lessons of each picture, none twice as long as there are enough. */
  readonly perPicture: number;
  /** Draws them: uniform in [0,1). */
  readonly random: () => number;
}

/** Some pictures, each with some of its lessons, as tensors; the caller owns them. */
export async function lessonBatch(
  source: Lessons,
  places: readonly number[],
  options: LessonOptions,
): Promise<TextBatch> {
  const { language, perPicture, random } = options;
  const chosen = places.flatMap((place, picture) =>
    draw(source.lessons(place), perPicture, random).map((lesson) => ({ picture, ...lesson })),
  );
  const prompts = paddedPrompts(
    chosen.map(({ prompt }) => promptRow(prompt, language)),
    language,
  );
  const targets = padBatch(
    chosen.map((lesson) => targetRow(lesson, language)),
    { pad: language.ids.pad },
  );
  const features = await source.features.gather(places); // what can fail comes before the first tensor
  const [prompt, target] = [toIdTensors(prompts), toIdTensors(targets)];
  return {
    features,
    picture: tf.tensor1d(
      chosen.map(({ picture }) => picture),
      'int32',
    ),
    promptIds: prompt.ids,
    promptMask: prompt.mask,
    targetIds: target.ids,
    targetMask: target.mask,
  };
}

/** The target goes on from the prompt: a space parts them, and the end token closes it. */
function targetRow({ prompt, target }: Lesson, { tokenizer, ids }: Words): number[] {
  const [end] = ids.eos;
  if (end === undefined) throw new Error('The language model names no token that ends a text; add an eos to its ids.');
  const text = prompt === '' ? target : ` ${target}`;
  return [...tokenizer.encode(text, { addSpecialTokens: false }), end];
}

function draw<T>(items: readonly T[], count: number, random: () => number): T[] {
  const left = [...items];
  const drawn: T[] = [];
  while (drawn.length < count && items.length > 0) {
    if (left.length === 0) left.push(...items);
    drawn.push(...left.splice(Math.floor(random() * left.length), 1));
  }
  return drawn;
}
