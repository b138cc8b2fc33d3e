import { join } from 'node:path';
import { fixture, inFolder } from '@blip2/testing';
import { expect, jest, test } from '@jest/globals';
import { blip2 } from '../../test/process.js';

// Without --model, commands take the starter's model.

jest.setTimeout(120_000);

const image = fixture('photos/rocket.jpg');
const common = ['--json', '--threads', '1'];

test('generation takes its stage 2, retrieval its stage 1', async () => {
  await inFolder(async (out) => {
    const [index, sheet, vectors] = [join(out, 'i.index'), join(out, 's.svg'), join(out, 'f.safetensors')];
    const calls = [
      ['caption', image],
      ['ask', image, 'is there a rocket?'],
      ['match', image, 'rocket'],
      ['index', image, '--out', index],
      ['features', image, '--out', vectors],
      ['explain', image, 'rocket', '--out', sheet],
      ['inspect'],
    ];
    const ended = await Promise.all(calls.map((call) => blip2([...call, ...common])));
    for (const [i, { code, stderr }] of ended.entries()) {
      const problems = stderr.replace(/^loading: .*\n/gm, ''); // what takes longer than a second is reported
      expect([calls[i]?.[0], code, problems]).toEqual([calls[i]?.[0], 0, '']);
    }
    const [caption, answer, match] = ended.map(({ stdout }) => JSON.parse(stdout.split('\n')[0] as string));
    expect(typeof caption.caption).toBe('string');
    expect(['yes', 'no']).toContain(answer.answer);
    expect(match).toMatchObject({ text: 'rocket', itm: expect.any(Number), itc: expect.any(Number) });
    const found = await blip2(['search', 'a rocket', '--index', index, ...common]);
    expect(JSON.parse(found.stdout)).toMatchObject({ rank: 1, image });
  });
});
