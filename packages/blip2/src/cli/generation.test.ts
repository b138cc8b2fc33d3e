import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromPretrained } from '@blip2/models';
import { fixture, inFolder, json } from '@blip2/testing';
import { useBackend } from '@blip2/training';
import { expect, jest, test } from '@jest/globals';
import { blip2 } from '../../test/process.js';

jest.setTimeout(60_000);

const opt = fixture('hf-opt');
const rocket = fixture('photos/rocket.jpg');
const one = ['--threads', '1'];

type Method = 'greedy' | 'beam' | 'beam_lp' | 'beam_min';
type Case = { image: string; prompt: string; input_ids: number[] | null; beam_min_all: number[][] } & {
  [K in Method]: number[];
};

/** Golden ids begin with what was given: OPT's with image tokens and prompt, T5's with the decoder's start. */
test.each<[name: string, given: (c: Case) => number, pad: number, methods: Method[]]>([
  ['hf-opt', ({ input_ids }) => input_ids?.length ?? 6, 1, ['greedy', 'beam', 'beam_lp', 'beam_min']],
  ['hf-t5', () => 1, 0, ['greedy', 'beam_min']],
])('%s: golden ids from the image files', async (name, given, pad, methods) => {
  const flags: Readonly<Record<Method, string[]>> = {
    greedy: ['--beams', '1'],
    beam: ['--beams', '5'],
    beam_lp: ['--beams', '3', '--length-penalty', '-1', '--repetition-penalty', '1.5'],
    beam_min: ['--beams', '4', '--length-penalty', '2', '--min-new-tokens', '5', '--num-sequences', '2'],
  };
  const { cases } = await json<{ cases: Case[] }>(fixture(`${name}/golden.json`));
  const prompts = [...new Set(cases.map(({ prompt }) => prompt))];
  const common = ['--model', fixture(name), '--max-new-tokens', '12', '--json', ...one];
  await Promise.all(
    methods.map(async (method, m) => {
      const chosen = cases.filter(({ prompt }) => prompt === prompts[m % prompts.length]);
      const images = chosen.map(({ image }) => fixture(`photos/${image}`));
      const ended = await blip2(['caption', ...images, '--prompt', chosen[0]!.prompt, ...flags[method], ...common]);
      const lines = ended.stdout.trim().split('\n');
      expect(lines).toHaveLength(chosen.length);
      for (const [i, c] of chosen.entries()) {
        const generated = (ids: number[]): number[] => ids.slice(given(c));
        const { tokens, captions } = JSON.parse(lines[i]!) as { tokens: number[]; captions?: { tokens: number[] }[] };
        expect(tokens).toEqual(generated(c[method]));
        const all = c.beam_min_all.map((ids) => generated(ids).filter((id) => id !== pad));
        expect(captions?.map((text) => text.tokens)).toEqual(method === 'beam_min' ? all : undefined);
      }
    }),
  );
});

test('an image that cannot be read is reported and skipped; exit code 1 at the end', async () => {
  await inFolder(async (folder) => {
    const broken = join(folder, 'broken.jpg');
    await writeFile(broken, 'no image');
    const { code, stdout, stderr } = await blip2([
      ...['caption', rocket, broken, 'nothing.jpg', fixture('photos/chelsea.png')],
      ...['--model', opt, '--json', ...one],
    ]);
    expect(code).toBe(1);
    const images = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { image: string }).image);
    expect(images).toEqual([rocket, fixture('photos/chelsea.png')]);
    expect(stderr.trim().split('\n')).toEqual([
      expect.stringContaining('broken.jpg" is not an image'),
      expect.stringContaining('There is no image at "nothing.jpg"'),
    ]);
  });
});

test('more new tokens than positions: one sentence that names the option', async () => {
  const lengths = ['--max-new-tokens', '500', '--min-new-tokens', '400'];
  const { code, stdout, stderr } = await blip2(['caption', rocket, '--model', opt, ...lengths, ...one]);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain('lower maxNewTokens (--max-new-tokens) to 123 or less.');
});

test('a dialogue, samples by seed, and a stream with a stop are those of the library', async () => {
  const few = ['--max-new-tokens', '4', '--model', opt, ...one];
  const sampling = ['--sample', '--temperature', '2', '--top-k', '0', '--top-p', '0.9', '--num-sequences', '3'];
  const [answered, sampled, streamed] = await Promise.all([
    blip2(['ask', rocket, 'How high?', '--json', '--turn', 'What is it?|a rocket', '--turn', 'red? | no', ...few]),
    blip2(['caption', rocket, '--json', ...sampling, '--seed', '5', ...few]),
    blip2(['caption', rocket, '--stream', '--stop', '.', '--stop', '7', ...few]),
  ]);
  await useBackend({ backend: 'simd', threads: 1 });
  using model = await fromPretrained(opt);
  const short = { maxNewTokens: 4 };
  const history = [
    { question: 'What is it?', answer: 'a rocket' },
    { question: 'red?', answer: 'no' },
  ];
  const { answer, tokens } = await model.ask(rocket, 'How high?', { ...short, history });
  expect(JSON.parse(answered.stdout)).toEqual({
    ...{ image: rocket, question: 'How high?', answer, tokens },
    seconds: expect.any(Number),
  });
  const sample = { sample: true, temperature: 2, topK: 0, topP: 0.9, returnSequences: 3 };
  const { captions } = await model.caption(rocket, { ...short, ...sample, seed: 5 });
  expect(JSON.parse(sampled.stdout)).toMatchObject({ tokens: captions![0]!.tokens, captions });
  const pieces: string[] = [];
  for await (const piece of model.stream(rocket, { ...short, stop: ['.', 7] })) pieces.push(piece);
  expect(streamed.stdout).toBe(`${pieces.join('')}\n`);
});
