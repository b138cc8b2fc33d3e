import { captionProcessor } from '@blip2/data';
import { loadEmoji, sceneTexts } from '@blip2/emoji';
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

export const LONGEST = 24;

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
