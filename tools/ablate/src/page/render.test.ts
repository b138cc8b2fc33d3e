import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { type Results, readResults } from '../results.js';
import { findings as scale } from '../scale.js';
import { compare, noiseOf, summary, verdict } from '../statistics.js';
import { table } from '../table.js';

// Plot shifts its lines by half a pixel where there is a global `it`, which the command does not have.
Reflect.deleteProperty(globalThis, 'it');
const { findings } = await import('./findings.js');
const { render } = await import('./render.js');

test('noise is that of seeds around the mean of their configuration', () => {
  const { deviation, degrees } = noiseOf([[1, 3], [10, 10, 13], [5], []]);
  expect(degrees).toBe(3);
  expect(deviation).toBeCloseTo(Math.sqrt((2 + 6) / 3), 10);
});

test('a difference shows where it is larger than its margin', () => {
  const noise = { deviation: 0.1, degrees: 4 };
  const compared = compare([0.5, 0.7], [0.2, 0.4], noise)!;
  expect(compared.difference).toBeCloseTo(0.3, 10);
  expect(compared.margin).toBeCloseTo(2.776 * 0.1, 10);
  expect(verdict(compared)).toBe('shows');
  expect(verdict(compared, true)).toBe('the opposite shows');
  expect(verdict(compare([0.5, 0.6], [0.2, 0.4], noise))).toBe('within the noise');
  expect(verdict(compare([0.1], [0.6], noise), true)).toBe('shows');
  expect(verdict(compare([], [0.6], noise))).toBe('too few runs');
  expect(verdict(compare([0.1], [0.6], noiseOf([[0.1], [0.6]])))).toBe('too few runs');
});

test('summaries have the mean and the range', () => {
  expect(summary([0.5, 0.6, 0.7])).toBe('0.60 (0.50-0.70)');
  expect(summary([0.5])).toBe('0.50');
  expect(summary([])).toBe('-');
});

/** Results of all configurations, in which each is better than the one before it in the table. */
function made(seeds: number): Results {
  const results = table.flatMap(({ name, stage1, stage2 }, i) =>
    Array.from({ length: seeds }).flatMap((_, seed) => {
      const score = (i + 1) / 20 + seed / 1000;
      const both = <T>(value: T) => ({ unseen: value, known: value });
      const losses = { itc: 9 - score, itm: 9 - score, itg: 9 - score, total: 27 };
      const curve = [1, 2, 3].map((step) => ({ step, losses }));
      const ranks = both({ i2t: score, t2i: score });
      const terms = { itc: losses.itc, itm: losses.itm, itg: losses.itg };
      const one = {
        stage: 1,
        name,
        seed,
        losses: terms,
        retrieval: ranks,
        matched: ranks,
        curve,
        seconds: 60,
      } as const;
      const two = stage2.map((loss) => ({
        ...({ stage: 2, name, loss, seed, lm: 9 - score, curve, seconds: 60 } as const),
        captions: both({ cider: score, swapped: 0, exact: score }),
        vqa: both({ accuracy: score, prior: 0.2, types: {} }),
        watched: [0, 10].map((step) => ({ step, accuracy: score })),
      }));
      return [...(stage1 ? [one] : []), ...two];
    }),
  );
  return { scale: { ...scale }, results };
}

test('the page has every finding with its table, its verdicts and its plots', () => {
  const { text, plots } = render(made(3));
  for (const { title } of findings) expect(text).toContain(`## ${title}\n`);
  expect(text).toContain('| 4 queries | 0.60 (0.60-0.60) |');
  expect(text).toMatch(
    /\| whole better than no ITG \| R@1, unseen vendor \| -0.100 ± 0.00\d \| 3 and 3 \| the opposite shows \|/,
  );
  expect(text).toMatch(
    /\| 32 queries better than whole \| R@1, unseen vendor \| \+0.500 ± 0.00\d \| 3 and 3 \| shows \|/,
  );
  expect(text).not.toMatch(/NaN|undefined|\| - \|/);
  expect(text.match(/images\/[\w-]+\.svg/g)?.map((path) => path.slice(7))).toEqual(Object.keys(plots));
  for (const svg of Object.values(plots)) {
    expect(svg).toMatch(/^<svg[^>]* xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(svg.match(/<circle/g)!.length).toBeGreaterThan(10);
    expect(svg).not.toMatch(/NaN|undefined/);
  }
});

test('configurations with fewer seeds or none are said to have them', () => {
  const { results, ...others } = made(2);
  const few = results.filter(({ name, seed }) => name !== '16 queries' && (name !== 'BERT' || seed === 0));
  const { text, plots } = render({ ...others, results: few });
  expect(text).toMatch(/\| BERT better than whole \| R@1, unseen vendor \| \+0.4\d\d ± 0.00\d \| 1 and 2 \| shows \|/);
  expect(text).toContain('1 to 2 seeds each, the fewer for the rows that matter less. Not run yet: *16 queries*.');
  expect(text).toContain('| 16 queries | - |');
  expect(Object.values(plots).join('')).not.toMatch(/NaN|undefined/);
  expect(() => render({ ...others, results: results.filter(({ seed }) => seed === 0) })).not.toThrow();
});

test('the page and the plots in docs are those of the results in the repository', async () => {
  const { text, plots } = render(await readResults());
  const read = (name: string) => readFileSync(new URL(`../../../../docs/${name}`, import.meta.url), 'utf8');
  expect(read('findings.md')).toBe(text);
  for (const [name, svg] of Object.entries(plots)) expect(read(`images/${name}`)).toBe(svg);
});
