import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawShapes, type Shape, shapesLayouts, writeShapes } from '@blip2/test-models';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { blip2 } from '../../test/process.js';

jest.setTimeout(300_000);

let folder: string;
let shapes: readonly Shape[];
const at = (...names: string[]): string => join(folder, ...names);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blip2-photos-'));
  shapes = await drawShapes(60);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs a command that keeps its features in the test's folder. */
const call = (...args: string[]) =>
  blip2([...args, '--threads', '1'], { env: { HF_HUB_OFFLINE: '1', BLIP2_CACHE: at('cache') } });

/** Runs a command that succeeds, and gives the objects that it prints. */
async function results(...args: string[]) {
  const { code, stdout, stderr } = await call(...args, '--json');
  if (code !== 0) throw new Error(stderr);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return { stderr, printed: lines.map((line) => JSON.parse(line) as Record<string, never>) };
}

const SMALL = ['--preset', 'small', '--batch-size', '8'];

test('a folder of photos trains both stages, is evaluated, and the model is fine-tuned on others', async () => {
  await writeShapes(at('photos'), 'jsonl', shapes);
  await writeShapes(at('test'), 'jsonl', await drawShapes(12, 500));
  const run = ['train', '--data', at('photos'), ...SMALL, '--steps', '12', '--validation', '0.1', '--out', at('mine')];
  const { stderr, printed } = await results(...run);
  expect(stderr).toContain('photos has 54 images with 108 captions to train on, 6 others for validation.');
  expect(stderr).toMatch(
    /Stage 1 trains 2\.58 M parameters \(.*\) for 12 steps of 8 images; it takes about \d+ MB of memory/,
  );
  expect(stderr).toMatch(/Stage 1: [\d.]+ images per second, \d+ s left\./);
  expect(printed.map(({ stage }) => stage)).toEqual([...Array(12).fill(1), ...Array(12).fill(2)]);
  const logged = (await readFile(at('mine', 'metrics.jsonl'), 'utf8')).trim().split('\n');
  expect(JSON.parse(logged[18]!).dataWait).toBeLessThan(0.5);

  const scored = await results('eval', '--data', at('test'), '--model', at('mine'));
  const [{ retrieval, captions }] = scored.printed as unknown as [
    { retrieval: { candidates: number; images: number; t2i: { r5: number } }; captions: { n: number; cider: number } },
  ];
  expect([retrieval.candidates, retrieval.images, captions.n]).toEqual([24, 12, 12]);
  expect(retrieval.t2i.r5).toBeGreaterThan(0.5);

  await writeShapes(at('asked'), 'questions', shapes.slice(0, 20));
  const tuned = ['train', '--data', at('asked'), '--model', at('mine'), '--steps', '2', '--out', at('tuned')];
  await expect(results(...tuned, '--stage', '1')).rejects.toThrow(
    'asked has no captions, from which stage 1 learns; add some, or train stage 2 alone on its questions.',
  );
  const second = await results(...tuned);
  expect(second.printed.map(({ stage }) => stage)).toEqual([2, 2]);
  const answered = await results('eval', '--data', at('asked'), '--model', at('tuned'));
  expect(answered.printed[0]).toMatchObject({ vqa: { n: 40, types: [{ type: 'other', n: 40 }] } });
});

test.each(shapesLayouts)('images as %s are trained on and evaluated, by one command each', async (layout) => {
  await writeShapes(at(layout), layout, shapes);
  const [asked, out] = [layout === 'vqa' || layout === 'questions', at(`${layout}-run`)];
  const { stderr, printed } = await results('train', '--data', at(layout), '--out', out, '--steps', '1');
  expect(stderr).toMatch(/has 60 images with 120 (captions|questions with answers) to train on\./);
  expect(stderr).toMatch(/Stage 2 trains .*adapters of the language model/);
  expect(printed.map((step) => step.stage)).toEqual(asked ? [2] : [1, 2]);
  const scores = (await results('eval', '--data', at(layout), '--model', out)).printed[0];
  const captioned = { retrieval: { images: 60, candidates: 120 }, captions: { n: 60 } };
  expect(scores).toMatchObject(asked ? { vqa: { n: 120 } } : captioned);
});

test('a model with adapters is fine-tuned from what it computes, with new adapters or none', async () => {
  const photos = at('adapted-photos');
  await writeShapes(photos, 'jsonl', shapes.slice(0, 12));
  const run = (name: string, ...args: string[]) =>
    results('train', '--data', photos, '--stage', '2', '--out', at(name), ...args);
  await run('adapted', '--steps', '30', '--learning-rate', '2e-3');
  const losses = async (name: string, ...args: string[]) => {
    const { printed } = await run(name, '--model', at('adapted'), '--steps', '1', ...args);
    return (printed as unknown as [{ losses: { total: number } }])[0].losses.total;
  };
  const { printed } = await run('anew', '--steps', '1');
  const first = (printed as unknown as [{ losses: { total: number } }])[0].losses.total;
  const [further, alone] = [await losses('further'), await losses('alone', '--no-lora')];
  expect(further).toBeLessThan(0.6 * first);
  expect(alone).toBeCloseTo(further, 4); // new adapters change nothing yet
  expect((await stat(at('further', 'stage2', 'adapter', 'adapter_model.safetensors'))).isFile()).toBe(true);
  await expect(stat(at('alone', 'stage2', 'adapter'))).rejects.toThrow();
});

test('what is wrong is one sentence, before anything is trained', async () => {
  const small = shapes.slice(0, 10);
  await writeShapes(at('broken'), 'txt', small);
  await writeFile(at('broken', small[0]!.file), 'no image');
  await mkdir(at('bare'), { recursive: true });
  await writeFile(at('bare', 'one.png'), small[0]!.png);
  await writeShapes(at('few'), 'csv', small);
  await cp(at('few'), at('big'), { recursive: true });
  const huge = { qformer: { hiddenSize: 12_000, intermediateSize: 400_000, layers: 40 }, bert: null };
  const stages = { stage1: { steps: 1, batchSize: 2 }, stage2: { steps: 1, batchSize: 2 } };
  await writeFile(at('huge.json'), JSON.stringify({ ...huge, ...stages }));
  const wrong: [args: string[], message: RegExp][] = [
    [['--data', at('nowhere'), ...SMALL], /^There is no data set at '.*nowhere'; check the path\.$/],
    [['--data', at('bare'), ...SMALL], /^No data set was recognized in '.*bare'/],
    [
      ['--data', at('few'), ...SMALL, '--batch-size', '32'],
      /^few has 20 pairs of an image and a caption, fewer than a batch of 32/,
    ],
    [
      ['--data', at('broken'), ...SMALL],
      /^1 of 10 items of 'broken' were left out, more than the share of 0\.01 allows/m,
    ],
    [
      ['--data', at('big'), '--config', at('huge.json')],
      /^Stage 1 needs about [\d.]+ GB of memory .*, and [\d.]+ [GM]B are available; lower/m,
    ],
    [['--data', at('few'), ...SMALL, '--validation', at('nothing')], /^There is no data set at '.*nothing'/],
    [['--data', at('few'), '--model', at('nothing')], /nothing/],
  ];
  for (const [i, [args, message]] of wrong.entries()) {
    const out = at(`failed-${i}`);
    const { code, stdout, stderr } = await call('train', '--out', out, ...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    const lines = stderr.trim().split('\n');
    expect(lines.at(-1)).toMatch(message);
    await expect(stat(join(out, 'checkpoints'))).rejects.toThrow();
  }
  const broken = wrong.findIndex(([args]) => args.includes(at('broken')));
  const listed = (await readFile(at(`failed-${broken}`, 'skipped.jsonl'), 'utf8')).trim().split('\n');
  expect(listed.map((line) => JSON.parse(line).id)).toEqual([small[0]!.file]);
});
