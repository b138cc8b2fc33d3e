import { captionProcessor } from '@blip2/data';
import { loadEmoji, scene, sceneTexts } from '@blip2/emoji';
import { sampler } from '@blip2/trainer';

/** Names of emoji, as a text processor leaves them. */
export const labels = (): string[] => loadEmoji().map(({ label }) => captionProcessor(label));

/** A name and its first search words, which say what it has to do with: 'red apple, fruit, health, school'. */
export const taggedLabels = (): string[] =>
  loadEmoji().map(({ label, tags }) => captionProcessor([label, ...tags.slice(0, TAGS)].join(', ')));

/** More would make a few texts long, and every batch as long as its longest. */
const TAGS = 4;

/** What the language model and BERT read: texts alone, no picture; the scenes' grammar in its train split. */
export function corpus(): string[] {
  return [...labels(), ...labels(), ...labels(), ...taggedLabels(), ...sceneTexts(0, 24000)];
}

/** Longest text in tokens. */
export const LONGEST = 24;

/**
 * Pairs of texts about one scene, the second to be read in the light of the first: another way to say it, or a question
 * with its answer. From these a language model learns to answer out of what stands before, be it words or a soft prompt.
 */
export function readings(count: number): [context: string, text: string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; pairs.length < count; index++) {
    const { references, qa } = scene(READINGS_SEED, index, 'train');
    const context = references[index % references.length] as string;
    pairs.push([context, references[0] as string]);
    pairs.push(
      ...qa.map(({ question, answer }): [string, string] => [context, `question: ${question} answer: ${answer}`]),
    );
  }
  return pairs.slice(0, count);
}

const READINGS_SEED = 7;

/** Batches of texts of about one length, so that little of them is padding: a function of the position alone. */
export function byLength<T extends { length: number }>(
  rows: readonly T[],
  { batch, seed }: { batch: number; seed: number },
): (position: number) => T[] {
  const pool = sampler({ count: rows.length, batchSize: batch * POOL, seed });
  return (position) => {
    const drawn = pool(Math.floor(position / POOL)).map((i) => rows[i] as T);
    const start = (position % POOL) * batch;
    return drawn.sort((a, b) => a.length - b.length).slice(start, start + batch);
  };
}

/** Batches that are drawn at once and parted by length. */
const POOL = 8;
