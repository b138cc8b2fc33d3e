import { expect, test } from '@jest/globals';
import type { Results } from '../results.js';
import { findings as scale } from '../scale.js';
import { summary, verdict } from '../statistics.js';
import { table } from '../table.js';
import { findings } from './findings.js';
import { render } from './render.js';

test('a difference shows where no seed contradicts it', () => {
  expect(verdict([0.5, 0.6, 0.7], [0.2, 0.4, 0.49])).toBe('shows');
  expect(verdict([0.5, 0.6, 0.7], [0.2, 0.4, 0.5])).toBe('within the noise');
  expect(verdict([0.1, 0.15], [0.2, 0.4])).toBe('the opposite shows');
  expect(verdict([1.1, 1.2], [2, 3], true)).toBe('shows');
  expect(verdict([2, 3], [1.1, 1.2], true)).toBe('the opposite shows');
  expect(verdict([0.5], [0.2, 0.4])).toBe('too few runs');
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
  expect(text).toContain('| whole better than no ITG | R@1, unseen vendor | 3, 3 | the opposite shows |');
  expect(text).toContain('| 32 queries better than whole | R@1, unseen vendor | 3, 3 | shows |');
  expect(text).not.toMatch(/NaN|undefined|\| - \|/);
  expect(text.match(/images\/[\w-]+\.svg/g)?.map((path) => path.slice(7))).toEqual(Object.keys(plots));
  for (const svg of Object.values(plots)) {
    expect(svg).toMatch(/^<svg[^>]* xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(svg.match(/<circle/g)!.length).toBeGreaterThan(10);
    expect(svg).not.toMatch(/NaN|undefined/);
  }
});

test('a configuration with fewer seeds is said to have them', () => {
  const { results, ...others } = made(3);
  const few = results.filter(({ name, seed }) => name !== 'BERT' || seed === 0);
  expect(render({ ...others, results: few }).text).toContain(
    '| BERT better than whole | R@1, unseen vendor | 1, 3 | too few runs |',
  );
});
