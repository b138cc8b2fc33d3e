import { describe, expect, test } from '@jest/globals';
import type { Split } from '../vendors.js';
import { countHeldOut, pairHeldOut, placeHeldOut } from './combinations.js';
import { questionTypes } from './grammar.js';
import { balancePeriod } from './plan.js';
import { type Scene, scene, sceneTexts } from './scene.js';
import { loadAllNouns, loadNouns } from './vocabulary.js';

const scenes = (split: Split, count: number, seed = 0) =>
  Array.from({ length: count }, (_, index) => scene(index, { seed, split }));
const train = scenes('train', 30 * balancePeriod);
const heldOut = scenes('test', 10 * balancePeriod);

/** For each type of question, the share of its most frequent answer. */
function vqaPrior(items: readonly { readonly type: string; readonly answer: string }[]): Record<string, number> {
  const shareOf = (type: string): number => {
    const answers = items.filter((one) => one.type === type).map(({ answer }) => answer);
    return Math.max(...answers.map((answer) => answers.filter((other) => other === answer).length)) / answers.length;
  };
  return Object.fromEntries([...new Set(items.map(({ type }) => type))].map((type) => [type, shareOf(type)]));
}

/** The groups of a scene, recovered from its layout. */
function groupsIn({ layout }: Scene) {
  const labels = [...new Set(layout.map((placed) => placed.entry.label))];
  const groups = labels.map((label) => [label, layout.filter((placed) => placed.entry.label === label)] as const);
  return groups.map(([label, placed]) => {
    const [x, y] = [placed.map((p) => p.x), placed.map((p) => p.y)];
    const sides = [
      ...(Math.max(...x) < 0.5 ? ['left'] : []),
      ...(Math.min(...x) > 0.5 ? ['right'] : []),
      ...(Math.max(...y) < 0.5 ? ['top'] : []),
      ...(Math.min(...y) > 0.5 ? ['bottom'] : []),
    ];
    const noun = loadNouns().find((candidate) => candidate.entry.label === label)!;
    return { noun, count: placed.length, sides };
  });
}

test('every noun has a name of its own', () => {
  const nouns = loadNouns();
  expect(nouns.length).toBe(85);
  expect(new Set(nouns.flatMap((noun) => [noun.one])).size).toBe(85);
  expect(nouns.find((noun) => noun.one === 'red apple')).toMatchObject({ many: 'red apples', article: 'a' });
  expect(nouns.find((noun) => noun.one === 'octopus')).toMatchObject({ many: 'octopuses', article: 'an' });
  expect(nouns.find((noun) => noun.one === 'unicorn')).toMatchObject({ article: 'a' });
});

describe('a scene', () => {
  test('is a pure function of seed, index and split', () => {
    expect(scene(11, { seed: 7, split: 'train' })).toEqual(scene(11, { seed: 7, split: 'train' }));
    expect(scene(11, { seed: 7, split: 'train' })).not.toEqual(scene(11, { seed: 8, split: 'train' }));
    expect(scene(11, { seed: 7, split: 'train' }).layout).not.toEqual(scene(23, { seed: 7, split: 'train' }).layout);
  });

  test('shows one to four drawings of one or two kinds, whole and apart', () => {
    for (const { layout } of [...train.slice(0, 600), ...heldOut.slice(0, 600)]) {
      expect(layout.length).toBeGreaterThanOrEqual(1);
      expect(layout.length).toBeLessThanOrEqual(4);
      expect(new Set(layout.map((placed) => placed.entry.code)).size).toBeLessThanOrEqual(2);
      for (const [i, a] of layout.entries()) {
        for (const v of [a.x, a.y]) expect(Math.abs(v - 0.5) + a.size / 2).toBeLessThanOrEqual(0.5);
        for (const b of layout.slice(i + 1)) {
          const apart = Math.max(Math.abs(a.x - b.x), Math.abs(a.y - b.y));
          expect(apart).toBeGreaterThanOrEqual((a.size + b.size) / 2 - 1e-9);
        }
      }
    }
  });

  test('is captioned by its grammar', () => {
    const group = '(an? [a-z ]+?|(two|three|four) [a-z ]+?)';
    const grammar = new RegExp(`^${group}( (to the left of|to the right of|above|below) ${group})?$`);
    for (const { caption, references } of train.slice(0, 600)) {
      expect(caption).toMatch(grammar);
      expect(references[0]).toBe(caption);
    }
    const pair = train.find(({ references }) => references.length === 2)!;
    const counts = groupsIn(pair).map(({ noun, count }) => (count === 1 ? noun.one : noun.many));
    for (const name of counts) for (const text of pair.references) expect(text).toContain(name);
  });

  test('has answers that are true of its layout', () => {
    for (const s of [...train.slice(0, 600), ...heldOut.slice(0, 600)]) {
      const groups = groupsIn(s);
      const named = (text: string) =>
        groups.filter(({ noun }) =>
          new RegExp(`(an?|the|many) (${noun.one}|${noun.many})( are there)?\\?$`).test(text),
        );
      for (const { type, question, answer } of s.qa) {
        if (type === 'is there') expect(named(question).length).toBe(answer === 'yes' ? 1 : 0);
        if (type === 'where') expect(named(question)[0]!.sides).toContain(answer);
        if (type === 'how many')
          expect(named(question)[0]!.count).toBe(['one', 'two', 'three', 'four'].indexOf(answer) + 1);
        if (type === 'what') expect(groups.map(({ noun }) => noun.one)).toContain(answer);
      }
    }
  });
});

describe('the questions', () => {
  test('come equally often by type, and their answers by type', () => {
    for (const list of [train, heldOut]) {
      for (const part of [list.slice(0, balancePeriod), list]) {
        const qa = part.flatMap((s) => s.qa);
        for (const type of questionTypes) expect(qa.filter((q) => q.type === type).length).toBe(part.length);
        expect(vqaPrior(qa)).toMatchObject({ where: 0.25, 'how many': 0.25, 'is there': 0.5 });
      }
      expect(vqaPrior(list.flatMap((s) => s.qa)).what).toBeLessThan(0.04);
    }
  });

  test("do not give 'is there' away by the number of kinds", () => {
    for (const kinds of [1, 2]) {
      const qa = train.filter((s) => groupsIn(s).length === kinds).flatMap((s) => s.qa);
      expect(vqaPrior(qa)['is there']).toBe(0.5);
    }
  });
});

describe('the test split', () => {
  const lone = (list: Scene[]) =>
    list
      .map(groupsIn)
      .filter((groups) => groups.length === 1)
      .map((groups) => groups[0]!);
  const pairs = (list: Scene[]) =>
    new Set(
      list
        .map(groupsIn)
        .filter((g) => g.length === 2)
        .map((g) =>
          g
            .map(({ noun }) => noun.one)
            .sort()
            .join('+'),
        ),
    );
  const counts = (groups: ReturnType<typeof groupsIn>) =>
    new Set(groups.filter(({ count }) => count > 1).map(({ noun, count }) => `${count} ${noun.one}`));
  const common = (a: Set<string>, b: Set<string>) => [...a].filter((key) => b.has(key));

  test('has no two kinds together that training has together', () => {
    expect(pairs(heldOut).size).toBeGreaterThan(300);
    expect(common(pairs(heldOut), pairs(train))).toEqual([]);
  });

  test('has no count of a single kind that training has, with or without another kind', () => {
    expect(counts(lone(heldOut)).size).toBeGreaterThan(70);
    expect(common(counts(lone(heldOut)), counts(train.flatMap(groupsIn)))).toEqual([]);
  });

  test('has no single object where training has it', () => {
    const where = (list: Scene[]) =>
      list.filter((s) => s.layout.length === 1).map((s) => `${s.plan.subject.noun.one} ${s.plan.place}`);
    expect(where(heldOut).length).toBe(heldOut.length / 12);
    expect(common(new Set(where(heldOut)), new Set(where(train)))).toEqual([]);
  });

  test('has only the drawings of Noto, which training never has', () => {
    const vendors = (list: Scene[]) => new Set(list.flatMap((s) => s.layout.map((placed) => placed.vendor)));
    expect(vendors(heldOut)).toEqual(new Set(['noto']));
    expect(vendors(train)).toEqual(new Set(['openmoji', 'twemoji', 'fluent', 'fluent-flat']));
  });

  test('lends no text to a language model', () => {
    const texts = new Set(sceneTexts(1, 20000));
    const phrases = new Set(heldOut.flatMap((s) => (s.layout.length > 1 ? s.references : [])));
    expect([...phrases].filter((text) => texts.has(text))).toEqual([]);
  });
});

test('the texts are captions, questions and answers, and all words that scenes need', () => {
  const texts = sceneTexts(1, 20000);
  expect(texts.length).toBe(20000);
  expect(sceneTexts(1, 50)).toEqual(texts.slice(0, 50));
  expect(sceneTexts(2, 50)).not.toEqual(texts.slice(0, 50));
  const words = new Set(texts.flatMap((text) => text.split(/[ ?]+/)));
  const needed = heldOut.flatMap((s) => [s.caption, ...s.qa.map((q) => `${q.question} ${q.answer}`)]);
  expect([...new Set(needed.flatMap((text) => text.split(/[ ?]+/)))].filter((word) => !words.has(word))).toEqual([]);
});

test('scenes of any emoji keep the combinations of the test apart, and no others', () => {
  const nouns = loadAllNouns();
  expect(nouns.length).toBeGreaterThan(1000);
  expect(new Set(nouns.map(({ one }) => one)).size).toBe(nouns.length);
  expect(nouns).toEqual(expect.arrayContaining([...loadNouns()]));
  const shown = new Set<string>();
  const tested = new Set(loadNouns());
  const untested = new Set<number>();
  for (let index = 0; index < 480; index++) {
    const { subject, other } = scene(index, { seed: 5, split: 'train', nouns }).plan;
    shown.add(subject.noun.one);
    if (!other && !tested.has(subject.noun)) untested.add(subject.count);
    expect(countHeldOut(subject.noun)).not.toBe(subject.count);
    if (other) expect(pairHeldOut(subject.noun, other.noun)).toBe(false);
  }
  expect(shown.size).toBeGreaterThan(300);
  expect(untested).toEqual(new Set([1, 2, 3, 4]));
  const other = nouns.find((noun) => !tested.has(noun))!;
  expect([countHeldOut(other), placeHeldOut(other), pairHeldOut(other, nouns[0]!)]).toEqual([
    undefined,
    undefined,
    false,
  ]);
});
