import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { qformerConfig } from '@blip2/qformer';
import { expect, test } from '@jest/globals';
import { card } from './card.js';
import { bestOf, hoursOf, joinAveraged, joinHistories, readHistory, stageHistory, writeHistory } from './history.js';
import { withoutPaths } from './ship.js';

const steps = Array.from({ length: 30 }, (_, i) => ({ step: i + 1, seconds: 120, losses: { total: 30 - i } }));
const validations = [
  { step: 10, score: 0.5, scores: { i2t: 0.4, t2i: 0.6 } },
  { step: 20, score: 0.7, scores: { i2t: 0.7, t2i: 0.7 } },
  { step: 30, score: 0.7, scores: { i2t: 0.6, t2i: 0.8 } },
];

test('a stage is told by means of its losses, its hours, and the first of the best validations', () => {
  const stage = stageHistory(steps, validations);
  expect(stage).toMatchObject({ steps: 30, seconds: 3600 });
  expect(stage.curve).toHaveLength(10);
  expect(stage.curve[0]).toEqual({ step: 3, losses: { total: 29 } });
  expect(bestOf(stage.validations)?.step).toBe(20);
  const runs = [
    { continued: false, config: {}, stage1: stage },
    { continued: true, config: {}, stage1: stage, stage2: stage },
  ];
  expect(hoursOf({ runs })).toBeCloseTo(3, 6);
});

test("a history is read again, and that of a run of 'blip2 train' from its logs", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'history-'));
  try {
    expect(await readHistory(folder)).toBeUndefined();
    await writeFile(join(folder, 'config.json'), JSON.stringify({ stage1: { steps: 2 } }));
    const lines = [1, 2, 3].map((step) => ({ stage: step > 2 ? 2 : 1, step, seconds: 1800, losses: { total: step } }));
    await writeFile(join(folder, 'metrics.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const history = await readHistory(folder);
    expect(history?.runs[0]).toMatchObject({ stage1: { steps: 2 }, stage2: { steps: 1, seconds: 1800 } });
    const own = { runs: [{ continued: false, config: {}, stage1: stageHistory(steps) }] };
    await writeHistory(folder, own);
    expect(await readHistory(folder)).toEqual(own);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('what ships names no folder of the machine that trained it', () => {
  const config = { vision: '/somewhere/vision16', language: '/somewhere/opt', bert: null, seed: 3 };
  const [run] = withoutPaths({ runs: [{ continued: false, config, stage1: stageHistory(steps) }] }).runs;
  expect(run?.config).toEqual({ vision: 'starter', language: 'starter', bert: null, seed: 3 });
  expect(run?.stage1?.steps).toBe(30);
});

test('the card says what was trained, on what, for how long, and what it scores', () => {
  const stage = stageHistory(steps, validations);
  const recall = { r1: 0.8, r5: 0.9, r10: 1 };
  const split = {
    retrieval: { candidates: 400, images: 400, i2t: recall, t2i: recall, rerank: 0 },
    single: { exact: 0.875, n: 85 },
  };
  const text = card({
    history: { runs: [{ continued: false, config: {}, stage1: stage, stage2: stage }] },
    sizes: { config: qformerConfig({ num_hidden_layers: 3 }), outputStride: 16 },
    bytes: 7.9e6,
    firefox: validations.slice(0, 1),
    scores: { ...split, known: split },
  });
  for (const part of [
    'A Q-Former of 3 layers',
    '(`output_stride` 16)',
    'is 7.9 MB',
    "Noto's drawings were never trained on",
    "Firefox OS' drawings were never trained on either",
    '2.0 hours in all (one run)',
    '| image to text among 400: R@1 / R@5 / R@10 | 0.80 / 0.90 / 1.00 | 0.80 / 0.90 / 1.00 |',
    '| single drawings: caption exactly right | 0.88 | 0.88 |',
    'Stage 1: 30 steps in 1.00 hours; the state after step 20 was kept.',
    '| 30 | 2 | i2t 0.60, t2i 0.80 |',
    'drawings by OpenMoji, Twemoji, Fluent Emoji and Fluent Emoji Flat, scenes',
  ]) {
    expect(text).toContain(part);
  }
});

test('the card names all vendors of a model that was trained on their drawings, and the run that it continues', () => {
  const runs = [{ continued: 5, config: { data: { allVendors: true } } }];
  const scores = {} as Parameters<typeof card>[0]['scores'];
  const shown = (history: Parameters<typeof card>[0]['history']) =>
    card({ history, sizes: { config: qformerConfig({}) }, bytes: 1, firefox: [], scores });
  const text = shown({ runs });
  expect(text).toContain('Fluent Emoji Flat, EmojiTwo, Emoji One 1, Streamline Emojis and Flat Color Icons, scenes');
  expect(text).toContain('### Run 1, continues run 5');
  const other = shown({ runs: [...runs, { continued: false, config: {} }], ships: { stage1: 2, stage2: 1 } });
  expect(other).toContain('Flat Color Icons (`stage1` by the first four alone), scenes');
});

test('a run of one stage joins the history of what ships, and that of both replaces it', () => {
  const stage = stageHistory(steps, validations);
  const run = { continued: false, config: {} };
  const shipped = {
    runs: [
      { ...run, stage1: stage, stage2: stage },
      { ...run, continued: true, stage2: stage },
    ],
  };
  const own = {
    runs: [
      { ...run, config: { seed: 1 }, stage1: stage },
      { config: { seed: 2 }, continued: true, stage2: stage },
    ],
  };
  const joined = joinHistories(shipped, own, ['stage2']);
  expect(joined).toEqual({ runs: [...shipped.runs, ...own.runs], ships: { stage1: 1, stage2: 4 } });
  const continued = { runs: [...shipped.runs, { config: { seed: 3 }, continued: true, stage2: stage }] };
  expect(joinHistories(shipped, continued, ['stage2'])).toEqual({ ...continued, ships: { stage1: 1, stage2: 3 } });
  const again = { runs: [...joined.runs, { config: { seed: 4 }, continued: true, stage1: stage }] };
  expect(joinHistories(joined, again, ['stage1']).ships).toEqual({ stage1: 5, stage2: 4 });
  expect(joinHistories(shipped, own, ['stage1', 'stage2'])).toBe(own);
  expect(joinHistories(undefined, own, ['stage2'])).toBe(own);
  const scores = {} as Parameters<typeof card>[0]['scores'];
  const text = card({ history: joined, sizes: { config: qformerConfig({}) }, bytes: 1, firefox: [], scores });
  expect(text).toContain('(4 runs, stage 1 is of run 1, stage 2 is of run 4)');
});

test('runs that began with the same models are joined, each once, and name the run that they continue', () => {
  const stage = stageHistory(steps, validations);
  const first = { continued: false, config: { seed: 0 }, stage1: stage, stage2: stage };
  const next = (seed: number, trained: object) => ({ continued: true, config: { seed }, ...trained });
  const [second, third, fourth] = [next(1, { stage1: stage }), next(2, { stage1: stage }), next(3, { stage2: stage })];
  const mean = joinAveraged('stage1', [{ runs: [first, second] }, { runs: [first, third] }]);
  expect(mean).toEqual({ runs: [first, second, { ...third, continued: 1 }], ships: { stage1: [2, 3] } });
  expect(joinAveraged('stage1', [{ runs: [first, second] }, { runs: [first, second, third] }]).runs[2]).toEqual(third);

  const shipped = joinHistories({ runs: [first] }, mean, ['stage1']);
  expect(shipped).toEqual({ ...mean, ships: { stage1: [2, 3], stage2: 1 } });
  const both = joinHistories(shipped, { runs: [first, fourth] }, ['stage2']);
  expect(both.runs).toEqual([...mean.runs, { ...fourth, continued: 1 }]);
  expect(both.ships).toEqual({ stage1: [2, 3], stage2: 4 });
  const scores = {} as Parameters<typeof card>[0]['scores'];
  const text = card({ history: both, sizes: { config: qformerConfig({}) }, bytes: 1, firefox: [], scores });
  expect(text).toContain('(4 runs, stage 1 is the mean of runs 2 and 3, stage 2 is of run 4)');
  expect(text).toContain('### Run 4, continues run 1');
});
