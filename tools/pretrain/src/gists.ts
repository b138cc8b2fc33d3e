import { captionProcessor, padBatch, type Tokenizer, toIdTensors } from '@blip2/data';
import {
  loadAllNouns,
  loadEmoji,
  loadNouns,
  type Plan,
  type SceneChoice,
  scene,
  sceneGroups,
  scenePrompts,
} from '@blip2/emoji';
import type { LanguageModel, PredictInput } from '@blip2/llm';
import { gaussian, hash, type Rng, rng } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { presences, SCENES_SEED } from './corpus.js';

/** Words in groups that belong together, the first of each its name. */
type Groups = readonly (readonly string[])[];

/**
 * Something to say, and what to say it from: words in groups that belong together. Laid out as a gist, they teach a
 * language model to read vectors that are no token's, as a soft prompt's are.
 */
export interface GistLesson {
  readonly groups: Groups;
  readonly prompt: string;
  readonly target: string;
}

/** How a question is put to the model. */
export const questionPrompt = (question: string): string => scenePrompts.question.replace('{}', () => question);

/**
 * Lessons from the scenes' grammar and, one in six scenes, from an emoji's name. Three scenes in four show the nouns of the
 * test, each in every count and beside every other, as texts know them that no image illustrates; the others show any emoji.
 */
export function gistLessons(scenes: number): GistLesson[] {
  const emoji = loadEmoji();
  return Array.from({ length: scenes }, (_, index): GistLesson[] => {
    const { plan, references, qa } = scene(index, {
      seed: SCENES_SEED,
      ...SHOWN[Math.floor(index / 12) % SHOWN.length]!(),
    });
    const groups = sceneGroups(plan);
    const label = captionProcessor((emoji[index % emoji.length] as { label: string }).label);
    const named = { groups: [label.split(' ')], prompt: scenePrompts.caption, target: label };
    // where something is comes more often: 'left' and 'right' are told apart last
    const places = qa.filter(({ type }) => type === 'where');
    const asked = [...qa, ...places, ...places, ...presences(plan, index), ...sides(plan)].map(
      ({ question, answer }): GistLesson => {
        return { groups, prompt: questionPrompt(question), target: answer };
      },
    );
    const said = references.map((target): GistLesson => ({ groups, prompt: scenePrompts.caption, target }));
    // that two kinds of the same number are two is learned after all else
    const { subject, other } = plan;
    const captions = subject.count === other?.count ? Array.from({ length: 12 }, () => said).flat() : said;
    return [...captions, ...asked, ...(index % 6 === 0 ? [named] : [])];
  }).flat();
}

/** What a dozen scenes shows, in turn: of the test's nouns, the train split has two of three counts, the test split the third. */
const SHOWN: readonly (() => Pick<SceneChoice, 'split' | 'nouns'>)[] = [
  () => ({ split: 'train', nouns: loadNouns() }),
  () => ({ split: 'test', nouns: loadNouns() }),
  () => ({ split: 'train', nouns: loadAllNouns() }),
  () => ({ split: 'train', nouns: loadNouns() }),
];

/** Asks what is at each side of a scene of two kinds: a noun is to be found by its place, as the second one of a caption. */
function sides({ subject, place, other }: Plan): { question: string; answer: string }[] {
  if (!place || !other) return [];
  const ask = ({ noun }: Plan['subject'], side: string) => ({ question: `what is ${side}?`, answer: noun.one });
  return [ask(subject, place), ask(other, opposites[place])];
}

const opposites = { left: 'right', right: 'left', top: 'bottom', bottom: 'top' } as const;

/**
 * Lays groups of words over so many positions: at each stand the first and some other words of one group, every word
 * stands somewhere, and a position too many may stay empty. No order but chance's: what belongs together shares the first.
 */
export function layGist(groups: Groups, positions: number, random: Rng): string[][] {
  if (positions < groups.length) throw new Error(`${groups.length} groups do not fit ${positions} positions.`);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const places = groups.map((): string[][] => []);
  const gist = Array.from({ length: positions }, (_, i): string[] => {
    if (i >= groups.length && random() < 0.15) return [];
    const group = i < groups.length ? i : Math.floor(random() * groups.length);
    const words = (groups[group] as string[]).filter((_, word) => word === 0 || random() < 0.6);
    (places[group] as string[][]).push(words);
    return words;
  });
  groups.forEach((group, g) => {
    const mine = places[g] as string[][];
    for (const word of group) if (!mine.some((words) => words.includes(word))) pick(mine).push(word);
  });
  return shuffled(gist, random);
}

function shuffled<T>(items: readonly T[], random: Rng): T[] {
  return items
    .map((item) => [random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}

export interface GistBatchOptions {
  readonly tokenizer: Tokenizer;
  readonly ids: LanguageModel['ids'];
  readonly positions: number;
  /** Names that are blended into those of groups, as what is seen may look like many things. Default: none. */
  readonly others?: readonly string[];
  readonly seed: number;
}

/** Lessons as tensors, their gists still as weighted tokens. */
export interface GistBatch extends Omit<PredictInput, 'softPrompt'> {
  /** int32 [B,P,K] */
  readonly words: tf.Tensor3D;
  /** [B,P,K]: 0 where there is no word. */
  readonly weights: tf.Tensor3D;
  /** [B,P,1]: how strong the noise is. */
  readonly noise: tf.Tensor3D;
}

/** The caller owns the tensors. */
export function gistBatch(
  lessons: readonly GistLesson[],
  { tokenizer, ids, positions, others = [], seed }: GistBatchOptions,
): GistBatch {
  const random = rng(seed);
  const end = ids.eos[0] as number;
  const encode = (text: string): number[] => [...tokenizer.encode(text, { addSpecialTokens: false })];
  const rows = lessons.map(({ groups }) => {
    const seen = new Map(groups.map(([name]) => [name, blend(name as string, others, random)]));
    return layGist(groups, positions, random).map((words) => weigh(words, { seen, encode, random }));
  });
  const K = Math.max(1, ...rows.flat().map(({ tokens }) => tokens.length));
  const fill = (of: (position: Position, k: number) => number): number[][][] =>
    rows.map((row) => row.map((position) => Array.from({ length: K }, (_, k) => of(position, k))));
  const prompt = toIdTensors(
    padBatch(
      lessons.map((lesson) => tokenizer.encode(lesson.prompt)),
      { pad: ids.pad, side: 'left' },
    ),
  );
  const target = toIdTensors(
    padBatch(
      lessons.map((lesson) => [...encode(` ${lesson.target}`), end]),
      { pad: ids.pad },
    ),
  );
  return {
    words: tf.tensor3d(
      fill(({ tokens }, k) => tokens[k]?.[0] ?? ids.pad),
      undefined,
      'int32',
    ),
    weights: tf.tensor3d(fill(({ tokens }, k) => tokens[k]?.[1] ?? 0)),
    noise: tf.tensor3d(rows.map((row) => row.map(({ noise }) => [noise]))),
    promptIds: prompt.ids,
    promptMask: prompt.mask,
    targetIds: target.ids,
    targetMask: target.mask,
  };
}

/** Words with their weights. */
type Blend = readonly (readonly [word: string, weight: number])[];

/** Tokens with their weights, and the strength of the noise. */
interface Position {
  readonly tokens: readonly (readonly [token: number, weight: number])[];
  readonly noise: number;
}

interface Weighing {
  /** What names are seen as. */
  readonly seen: ReadonlyMap<string | undefined, Blend>;
  readonly encode: (text: string) => number[];
  readonly random: Rng;
}

/** The words of a position as tokens, whose weights sum to its scale. */
function weigh(words: readonly string[], { seen, encode, random }: Weighing): Position {
  const blends = words.flatMap((word) => seen.get(word) ?? [[word, 1] as const]);
  const tokens = blends.flatMap(([word, weight]) => encode(` ${word}`).map((token) => [token, weight] as const));
  const sum = tokens.reduce((sum, [, weight]) => sum + weight, 0);
  const size = scale(random);
  return { tokens: tokens.map(([token, weight]) => [token, (size * weight) / sum]), noise: NOISE * size * random() };
}

/** A name, or in half of the cases what is left of it beside some others. The weights sum to 1. */
function blend(name: string, others: readonly string[], random: Rng): Blend {
  if (others.length === 0 || random() < 0.5) return [[name, 1]];
  const beside = Array.from({ length: BESIDE }, () => {
    return [others[Math.floor(random() * others.length)] as string, -Math.log(1 - random())] as const;
  });
  const sum = beside.reduce((sum, [, weight]) => sum + weight, 0);
  const doubt = MOST_DOUBT * random();
  return [[name, 1 - doubt], ...beside.map(([word, weight]) => [word, (doubt * weight) / sum] as const)];
}

/** Names that are blended into one. */
const BESIDE = 4;
/** What they have of it at most. */
const MOST_DOUBT = 0.8;

/** A soft prompt's vectors may be several times as long as those of tokens. */
const scale = (random: Rng): number => 0.7 * (6 / 0.7) ** random();

/** Deviation of the noise at most, of that of the words' vectors. */
const NOISE = 1;

/** The gists of a batch as a soft prompt [B,P,W]: at each position the mean of its words' vectors, and noise. */
export function gistPrompt(
  embed: LanguageModel['embed'],
  { words, weights, noise }: GistBatch,
  seed: number,
): tf.Tensor3D {
  const [B, P, K] = words.shape;
  return tf.tidy(() => {
    const vectors = embed(tf.reshape(words, [B, P * K])); // [B,PK,W]
    const W = vectors.shape[2];
    const blended = tf.sum(tf.mul(tf.reshape(vectors, [B, P, K, W]), tf.expandDims(weights, -1)), 2); // [B,P,W]
    const deviation = tf.sqrt(tf.mean(tf.square(vectors)));
    const random = rng(hash(seed, 'noise'));
    const normal = tf.tensor3d(
      Float32Array.from({ length: B * P * W }, () => gaussian(random)),
      [B, P, W],
    );
    return tf.add(blended, tf.mul(normal, tf.mul(noise, deviation))) as tf.Tensor3D;
  });
}
