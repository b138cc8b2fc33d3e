import { padBatch, type Tokenizer, toIdTensors } from '@blip2/data';
import * as tf from '@tensorflow/tfjs';
import type { TextBatch } from '../stages/stage2.js';
import type { FeatureStore } from './features.js';

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

/** `how many` lessons of each picture, drawn without repetition as long as there are enough. */
export interface LessonOptions {
  readonly tokenizer: Tokenizer;
  readonly perPicture: number;
  readonly random: () => number;
}

/** Some pictures, each with some of its lessons, as tensors; the caller owns them. */
export async function lessonBatch(
  source: Lessons,
  places: readonly number[],
  options: LessonOptions,
): Promise<TextBatch> {
  const { tokenizer, perPicture, random } = options;
  const chosen = places.flatMap((place, picture) =>
    draw(source.lessons(place), perPicture, random).map((lesson) => ({ picture, ...lesson })),
  );
  const prompt = promptTensors(
    chosen.map((lesson) => lesson.prompt),
    tokenizer,
  );
  const target = toIdTensors(
    padBatch(
      chosen.map((lesson) => targetIds(lesson, tokenizer)),
      { pad: padOf(tokenizer) },
    ),
  );
  return {
    features: await source.features.gather(places),
    picture: tf.tensor1d(
      chosen.map((lesson) => lesson.picture),
      'int32',
    ),
    promptIds: prompt.ids,
    promptMask: prompt.mask,
    targetIds: target.ids,
    targetMask: target.mask,
  };
}

/** Prompts as the language model reads them after a soft prompt: BOS and the text, padded on the left. */
export function promptTensors(
  prompts: readonly string[],
  tokenizer: Tokenizer,
): { ids: tf.Tensor2D; mask: tf.Tensor2D } {
  return toIdTensors(
    padBatch(
      prompts.map((prompt) => tokenizer.encode(prompt)),
      { pad: padOf(tokenizer), side: 'left' },
    ),
  );
}

/** The target goes on from the prompt: a space parts them, and the end token closes it. */
function targetIds({ prompt, target }: Lesson, tokenizer: Tokenizer): number[] {
  const { eos } = tokenizer.special;
  if (eos === undefined) throw new Error("The language model's tokenizer names no eos_token; add it to its config.");
  const text = prompt === '' ? target : ` ${target}`;
  return [...tokenizer.encode(text, { addSpecialTokens: false }), eos];
}

const padOf = (tokenizer: Tokenizer): number => tokenizer.special.pad ?? 1;

function draw<T>(items: readonly T[], count: number, random: () => number): T[] {
  const left = [...items];
  const drawn: T[] = [];
  while (drawn.length < count && items.length > 0) {
    if (left.length === 0) left.push(...items);
    drawn.push(...left.splice(Math.floor(random() * left.length), 1));
  }
  return drawn;
}
