import type { Random } from '../random.js';
import { type Group, opposite, type Place } from './combinations.js';
import type { Plan } from './plan.js';
import type { Noun } from './vocabulary.js';

/** The four types of question. */
export type QuestionType = 'what' | 'where' | 'how many' | 'is there';
/** All types of question. */
export const questionTypes: readonly QuestionType[] = ['what', 'where', 'how many', 'is there'];

/** A question about a scene with its answer. */
export interface QuestionAnswer {
  readonly type: QuestionType;
  readonly question: string;
  readonly answer: string;
}

/** Prompts for a language model that was trained on {@link sceneTexts}; `{}` is replaced by the question. */
export const scenePrompts = { question: 'question: {} answer:', caption: 'a picture of' } as const;

const numbers = ['zero', 'one', 'two', 'three', 'four'];
/** All words by which captions, answers and {@link sceneGroups} state a count. */
export const sceneNumbers: readonly string[] = [...numbers.slice(1), 'a', 'an'];

const relations: { readonly [P in Place]: string } = {
  left: 'to the left of',
  right: 'to the right of',
  top: 'above',
  bottom: 'below',
};

/** 'a red apple', 'two cats' */
function some({ noun, count }: Group): string {
  return count === 1 ? `${noun.article} ${noun.one}` : `${numbers[count]} ${noun.many}`;
}

/** 'the red apple', 'the two cats' */
function the({ noun, count }: Group): string {
  return count === 1 ? `the ${noun.one}` : `the ${numbers[count]} ${noun.many}`;
}

/** 'a red apple to the left of two cats', and for two kinds also the converse. */
export function captions({ subject, place, other }: Plan): string[] {
  if (!other || !place) return [some(subject)];
  return [
    `${some(subject)} ${relations[place]} ${some(other)}`,
    `${some(other)} ${relations[opposite[place]]} ${some(subject)}`,
  ];
}

/**
 * Returns the words that describe each group of a scene: its singular name, its count and its position where it has one,
 * as in `[['snake', 'three', 'left'], ['pig', 'one', 'right']]`.
 */
export function sceneGroups({ subject, place, other }: Plan): string[][] {
  const words = ({ noun, count }: Group, at: Place | null): string[] => {
    return [noun.one, numbers[count]!, ...(at ? [at] : [])];
  };
  return [words(subject, place), ...(other && place ? [words(other, opposite[place])] : [])];
}

/** Returns the questions of a scene: one 'what', one 'how many', one 'is there', and up to two 'where'. */
export function questions(plan: Plan, nouns: readonly Noun[], random: Random): QuestionAnswer[] {
  return [what(plan, random), ...where(plan), howMany(plan), isThere(plan, nouns, random)];
}

function what({ subject, place, other }: Plan, random: Random): QuestionAnswer {
  if (!other || !place) return { type: 'what', question: 'what is in the picture?', answer: subject.noun.one };
  const swapped = random.below(2) === 1;
  const [target, reference, side] = swapped ? [other, subject, opposite[place]] : [subject, other, place];
  return { type: 'what', question: `what is ${relations[side]} ${the(reference)}?`, answer: target.noun.one };
}

function where({ subject, place, other, askOther }: Plan): QuestionAnswer[] {
  if (!place) return [];
  const ask = ({ noun, count }: Group, answer: Place): QuestionAnswer => {
    const question = count === 1 ? `where is the ${noun.one}?` : `where are the ${noun.many}?`;
    return { type: 'where', question, answer };
  };
  return [ask(subject, place), ...(other && askOther ? [ask(other, opposite[place])] : [])];
}

function howMany({ subject: { noun, count } }: Plan): QuestionAnswer {
  return { type: 'how many', question: `how many ${noun.many} are there?`, answer: numbers[count]! };
}

function isThere({ subject, other, present }: Plan, nouns: readonly Noun[], random: Random): QuestionAnswer {
  const shown = [subject.noun, ...(other ? [other.noun] : [])];
  const noun: Noun = random.pick(present ? shown : nouns.filter((candidate) => !shown.includes(candidate)));
  return { type: 'is there', question: `is there ${noun.article} ${noun.one}?`, answer: present ? 'yes' : 'no' };
}
