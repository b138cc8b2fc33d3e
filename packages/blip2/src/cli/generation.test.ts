import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromPretrained } from '@blip2/models';
import { fixture, inFolder, json } from '@blip2/testing';
import { expect, jest, test } from '@jest/globals';
import { blip2 } from '../../test/process.js';
import { useBackend } from './backend.js';

jest.setTimeout(60_000);

const opt = fixture('hf-opt');
const rocket = fixture('photos/rocket.jpg');
const one = ['--threads', '1'];

test('options that do not go together are wrong usage', async () => {
  const wrong: [args: string[], message: string][] = [
    [['caption', rocket, '--model', opt, '--top-p', '0.9'], '--top-p is for sampling; add --sample'],
    [['caption', rocket, '--model', opt, '--stream', '--json'], '--stream is for reading'],
    [['caption', rocket, '--model', opt, '--stream', '--beams', '3'], '--stream shows one text by one beam'],
    [['caption', rocket, '--model', opt, '--preset', 'vqa'], "'vqa' is invalid. Allowed choices are caption,"],
    [['ask', rocket, 'why?', '--model', opt, '--turn', 'what'], 'Between question and answer it needs a |'],
  ];
  await Promise.all(
    wrong.map(async ([args, message]) => {
      const { code, stdout, stderr } = await blip2(args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain(message);
    }),
  );
});

type DecodingConfig = 'greedy' | 'beam' | 'beam_lp' | 'beam_min';
type Case = { image: string; prompt: string; input_ids: number[] | null; beam_min_all: number[][] } & {
  [K in DecodingConfig]: number[];
};

/** Golden ids begin with what was given: OPT's with image tokens and prompt, T5's with the decoder's start. */
test.each<[name: string, given: (c: Case) => number, pad: number, recipes: DecodingConfig[]]>([
  ['hf-opt', ({ input_ids }) => input_ids?.length ?? 6, 1, ['greedy', 'beam', 'beam_lp', 'beam_min']],
  ['hf-t5', () => 1, 0, ['greedy', 'beam_min']],
])('%s: golden ids from the image files', async (name, given, pad, recipes) => {
  const flags: Readonly<Record<DecodingConfig, string[]>> = {
    greedy: ['--beams', '1'],
    beam: ['--beams', '5'],
    beam_lp: ['--beams', '3', '--length-penalty', '-1', '--repetition-penalty', '1.5'],
    beam_min: ['--beams', '4', '--length-penalty', '2', '--min-new-tokens', '5', '--num-sequences', '2'],
  };
  const { cases } = await json<{ cases: Case[] }>(fixture(`${name}/golden.json`));
  const prompts = [...new Set(cases.map(({ prompt }) => prompt))];
  const same = ['--model', fixture(name), '--max-new-tokens', '12', '--json', ...one];
  await Promise.all(
    recipes.map(async (recipe, r) => {
      const asked = cases.filter(({ prompt }) => prompt === prompts[r % prompts.length]);
      const images = asked.map(({ image }) => fixture(`photos/${image}`));
      const said = await blip2(['caption', ...images, '--prompt', asked[0]!.prompt, ...flags[recipe], ...same]);
      const lines = said.stdout.trim().split('\n');
      expect(lines).toHaveLength(asked.length);
      for (const [i, c] of asked.entries()) {
        const made = (ids: number[]): number[] => ids.slice(given(c));
        const { tokens, captions } = JSON.parse(lines[i]!) as { tokens: number[]; captions?: { tokens: number[] }[] };
        expect(tokens).toEqual(made(c[recipe]));
        const all = c.beam_min_all.map((ids) => made(ids).filter((id) => id !== pad));
        expect(captions?.map((text) => text.tokens)).toEqual(recipe === 'beam_min' ? all : undefined);
      }
    }),
  );
});

test('one unreadable image is told of, and the rest goes on; exit 1 at the end', async () => {
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

test('a dialogue, samples by seed, and a stream with a stop are those of the library', async () => {
  const few = ['--max-new-tokens', '4', '--model', opt, ...one];
  const draw = ['--sample', '--temperature', '2', '--top-k', '0', '--top-p', '0.9', '--num-sequences', '3'];
  const [said, drawn, streamed] = await Promise.all([
    blip2(['ask', rocket, 'How high?', '--json', '--turn', 'What is it?|a rocket', '--turn', 'red? | no', ...few]),
    blip2(['caption', rocket, '--json', ...draw, '--seed', '5', ...few]),
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
  expect(JSON.parse(said.stdout)).toEqual({
    ...{ image: rocket, question: 'How high?', answer, tokens },
    seconds: expect.any(Number),
  });
  const sample = { sample: true, temperature: 2, topK: 0, topP: 0.9, returnSequences: 3 };
  const { captions } = await model.caption(rocket, { ...short, ...sample, seed: 5 });
  expect(JSON.parse(drawn.stdout)).toMatchObject({ tokens: captions![0]!.tokens, captions });
  const pieces: string[] = [];
  for await (const piece of model.stream(rocket, { ...short, stop: ['.', 7] })) pieces.push(piece);
  expect(streamed.stdout).toBe(`${pieces.join('')}\n`);
});
