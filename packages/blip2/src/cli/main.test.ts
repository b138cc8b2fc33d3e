import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { altered, threefold } from '@blip2/test-models';
import { fixture, inFolder, json } from '@blip2/testing';
import { expect, jest, test } from '@jest/globals';
import { blip2 } from '../../test/process.js';

jest.setTimeout(60_000);

const opt = fixture('hf-opt');
const itm = fixture('hf-itm');
const rocket = fixture('photos/rocket.jpg');
const cpu = ['--backend', 'cpu'];

/** Exit 1, nothing on stdout, one line on stderr. */
const fails = async (args: readonly string[], ...messages: string[]): Promise<void> => {
  const { code, stdout, stderr } = await blip2(args);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr.trim().split('\n')).toHaveLength(1);
  for (const message of messages) expect(stderr).toContain(message);
};

test('a missing file, what is no image, and what is no model are reported in a sentence', async () => {
  await Promise.all([
    fails(['caption', 'nothing.jpg', '--model', opt], "There is no image at 'nothing.jpg'"),
    fails(['caption', join(opt, 'config.json'), '--model', opt, ...cpu], 'config.json" is not an image'),
    fails(['caption', rocket, '--model', 'nowhere', ...cpu], "There is no folder 'nowhere'"),
  ]);
});

test('a misspelt key is named with the one that was meant', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'config.json');
    await writeFile(file, JSON.stringify({ preset: 'smoke', stage1: { stepps: 3 } }));
    const out = join(folder, 'out');
    await fails(['train', '--config', file, '--out', out], "'stage1.stepps' is not a key (did you mean 'steps'?)");
  });
});

test('a checkpoint with a missing, an unused and a mis-shaped tensor: all three are named', async () => {
  await inFolder(async (folder) => {
    await altered('hf-opt', folder, threefold);
    const names = [
      'missing: language_model.model.decoder.layers.1.fc1.bias',
      'unused: qformer.spare',
      'vision_model.encoder.layers.0.layer_norm1.weight [7] instead of [32]',
    ];
    const [, inspected] = await Promise.all([
      fails(['caption', rocket, '--model', folder, ...cpu], ...names),
      blip2(['inspect', folder, '--json']),
    ]);
    expect(inspected.code).toBe(0);
    expect(JSON.parse(inspected.stdout)).toMatchObject({
      missing: ['language_model.model.decoder.layers.1.fc1.bias'],
      unused: ['qformer.spare'],
      misshaped: [names[2]],
    });
  });
});

test('results are JSON lines on stdout, and nothing else is', async () => {
  const golden = await json<{ cases: { beam: number[] }[] }>(join(opt, 'golden.json'));
  const same = ['--max-new-tokens', '12', '--json', ...cpu];
  const [caption, match, inspect] = await Promise.all([
    blip2(['caption', rocket, fixture('photos/chelsea.png'), '--model', opt, ...same]),
    blip2(['match', rocket, 'a rocket', 'a cat', '--model', itm, '--json', ...cpu]),
    blip2(['inspect', itm, '--json']),
  ]);
  expect([caption.stderr, match.stderr, inspect.stderr]).toEqual(['', '', '']);
  const lines = (text: string): unknown[] =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  const [first, second] = lines(caption.stdout) as Record<string, unknown>[];
  expect(Object.keys(first!)).toEqual(['image', 'caption', 'tokens', 'seconds']);
  expect([second!.tokens, first!.tokens]).toEqual(golden.cases.slice(0, 2).map(({ beam }) => beam.slice(6)));
  expect(lines(match.stdout)).toEqual(
    ['a rocket', 'a cat'].map((text) => ({ image: rocket, text, itm: expect.any(Number), itc: expect.any(Number) })),
  );
  const [inspection] = lines(inspect.stdout) as { tensors: unknown[]; parameters: number }[];
  expect(inspection).toMatchObject({ parameters: 92_626, missing: [], unused: [], misshaped: [] });
  expect(inspection!.tensors).toContainEqual({ name: 'query_tokens', shape: [1, 5, 24], dtype: 'F32' });
});

test("captions and answers of both kinds of language model are the reference's, from the image files", async () => {
  type Case = { input_ids: number[] | null; beam: number[]; beam_lp: number[] };
  await Promise.all(
    ['hf-opt', 'hf-t5'].map(async (name) => {
      const folder = fixture(name);
      const { cases, kind } = await json<{ cases: Case[]; kind: string }>(join(folder, 'golden.json'));
      // OPT's golden ids have image tokens and prompt in front, T5's the decoder's start
      const golden = ([2, 3, 5] as const).map((i) => {
        const { input_ids, beam, beam_lp } = cases[i] as Case;
        return (i === 5 ? beam_lp : beam).slice(kind === 't5' ? 1 : input_ids?.length);
      });
      const same = ['--model', folder, '--max-new-tokens', '12', '--json', ...cpu];
      const captions = ['caption', fixture('photos/chelsea.png'), rocket, '--prompt', 'a photo of', ...same];
      const how = ['--template', 'Question: {} Answer:', '--beams', '3', '--repetition-penalty', '1.5'];
      const [captioned, asked] = await Promise.all([
        blip2(captions),
        blip2(['ask', rocket, 'What animal is this?', ...how, ...same]), // length penalty -1 by default
      ]);
      expect([captioned.code, asked.code]).toEqual([0, 0]);
      const lines = `${captioned.stdout}${asked.stdout}`.trim().split('\n');
      expect(lines.map((line) => (JSON.parse(line) as { tokens: number[] }).tokens)).toEqual(golden);
    }),
  );
});

test('Ctrl-C stops between two results', async () => {
  const images = new Array<string>(500).fill(rocket);
  let sent = false;
  const ended = await blip2(['caption', ...images, '--model', opt, '--json', ...cpu], {
    watch: (_, kill) => {
      if (!sent) kill('SIGINT');
      sent = true;
    },
  });
  expect(ended.code).toBe(1);
  expect(ended.stderr).toBe('Stopped.\n');
  const lines = ended.stdout.trim().split('\n');
  expect(lines.length).toBeLessThan(500);
  for (const line of lines) expect(JSON.parse(line)).toHaveProperty('caption');
});

test('convert writes a folder and prints its size', async () => {
  await inFolder(async (folder) => {
    const out = join(folder, 'out');
    const { code, stdout } = await blip2(['convert', itm, out, '--dtype', 'f16', '--json']);
    expect([code, JSON.parse(stdout)]).toEqual([0, { in: itm, out, bytes: expect.any(Number) }]);
    const inspected = await blip2(['inspect', out, '--json']);
    expect(JSON.parse(inspected.stdout)).toMatchObject({ parameters: 92_626, missing: [], unused: [], misshaped: [] });
  });
});

test('caption takes folders and patterns', async () => {
  await inFolder(async (folder) => {
    await cp(rocket, join(folder, 'a.jpg'));
    await writeFile(join(folder, 'notes.txt'), 'no image');
    const args = ['--model', opt, '--max-new-tokens', '1', '--beams', '1', '--json', ...cpu];
    const [inside, fitting, none] = await Promise.all([
      blip2(['caption', folder, ...args]),
      blip2(['caption', join(folder, '*.jpg'), ...args]),
      blip2(['caption', join(folder, '*.png'), ...args]),
    ]);
    for (const { code, stdout } of [inside, fitting]) {
      expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ image: join(folder, 'a.jpg') })]);
    }
    expect(none).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^There is no image at '.*png'/) });
  });
});
