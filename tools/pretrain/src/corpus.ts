import { captionProcessor } from '@blip2/data';
import { loadEmoji, loadNouns, type Noun, type Plan, scene, sceneGroups, sceneTexts } from '@blip2/emoji';
import { hash, rng } from '@blip2/tensor';
import { sampler } from '@blip2/trainer';

/** Names of emoji, as a text processor leaves them. */
export const labels = (): string[] => loadEmoji().map(({ label }) => captionProcessor(label));

/** A name and its first search words, which say what it has to do with: 'red apple, fruit, health, school'. */
export const taggedLabels = (): string[] =>
  loadEmoji().map(({ label, tags }) => captionProcessor([label, ...tags.slice(0, TAGS)].join(', ')));

/** More would make a few texts long, and every batch as long as its longest. */
const TAGS = 4;

/** What the language model and BERT read: texts alone, no image; the scenes' grammar in its train split. */
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
    const { references, plan, qa } = scene(index, { seed: SCENES_SEED, split: 'train' });
    const told = index % 4 === 0 ? (references[index % references.length] as string) : listed(plan, index);
    const asked = [...qa, ...presences(plan, index)];
    pairs.push([told, references[0] as string]);
    pairs.push(
      ...asked.map(({ question, answer }): [string, string] => [told, `question: ${question} answer: ${answer}`]),
    );
  }
  return pairs.slice(0, count);
}

/** The groups as a list, in either order: 'three snake left, one pig right'. */
function listed(plan: Plan, index: number): string {
  const groups = sceneGroups(plan).map(([name, number, ...place]) => [number, name, ...place].join(' '));
  return (index % 8 < 4 ? groups : groups.reverse()).join(', ');
}

/** Asks for one kind that is there and for one that is not: what is hardest to learn comes more often. */
export function presences({ subject, other }: Plan, index: number): { question: string; answer: string }[] {
  const random = rng(hash(SCENES_SEED, `presence ${index}`));
  const shown = [subject.noun, ...(other ? [other.noun] : [])];
  const absent = loadNouns().filter((noun) => !shown.includes(noun));
  const ask = ({ article, one }: Noun, answer: string) => ({ question: `is there ${article} ${one}?`, answer });
  const any = (nouns: readonly Noun[]): Noun => nouns[Math.floor(random() * nouns.length)] as Noun;
  return [ask(any(shown), 'yes'), ask(any(absent), 'no')];
}

/** Of the scenes that are read about. */
export const SCENES_SEED = 7;

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
