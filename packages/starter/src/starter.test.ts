import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { starterUrl } from './index.js';

const blip2 = starterUrl('blip2');

test.each([
  ['stage1', 'Blip2ForImageTextRetrieval', false],
  ['stage2', 'Blip2ForConditionalGeneration', true],
])(
  'blip2/%s refers to the frozen models, and holds what was trained in half precision',
  async (stage, name, generates) => {
    const config = JSON.parse(await readFile(new URL(`${stage}/config.json`, blip2), 'utf8'));
    expect(config).toMatchObject({ architectures: [name], vision_config: { folder: '../../vision' } });
    expect(config.text_config).toEqual(generates ? { folder: '../../language' } : undefined);
    const dtypes = await dtypesIn(new URL(`${stage}/model.safetensors`, blip2));
    expect(new Set(dtypes)).toEqual(new Set(['F16']));
    const card = await readFile(new URL('README.md', blip2), 'utf8');
    expect(card).toContain("Noto's drawings were never trained on");
    expect(card).toMatch(/\| single drawings: caption exactly right \| \d/);
  },
);

test('blip2 was trained with the frozen models that are here', async () => {
  const { frozen } = JSON.parse(await readFile(new URL('training.json', blip2), 'utf8'));
  for (const model of ['vision', 'language'] as const) {
    const weights = await readFile(new URL('model.safetensors', starterUrl(model)));
    expect([model, createHash('sha256').update(weights).digest('hex')]).toEqual([model, frozen[model]]);
  }
});

async function dtypesIn(file: URL): Promise<string[]> {
  const bytes = await readFile(file);
  expect(bytes.length).toBeLessThan(10e6);
  const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString());
  const { __metadata__, ...tensors } = header as Record<string, { dtype: string }>;
  expect(Object.keys(tensors).length).toBeGreaterThan(30);
  return Object.values(tensors).map(({ dtype }) => dtype);
}

const folders = [
  ['vision', 'efficientnet_lite', 'preprocessor_config.json'],
  ['language', 'opt', 'tokenizer.json'],
  ['bert', 'bert', 'tokenizer.json'],
] as const;

test.each(folders)(
  '%s is a folder of half-precision weights, with its config and its card',
  async (model, type, other) => {
    const url = starterUrl(model);
    const json = async (name: string) => JSON.parse(await readFile(new URL(name, url), 'utf8'));
    expect(await json('config.json')).toMatchObject({ model_type: type });
    expect(await json(other)).toBeTruthy();
    expect(await readFile(new URL('README.md', url), 'utf8')).toMatch(/Noto's drawings are unseen|No images/);
    expect(new Set(await dtypesIn(new URL('model.safetensors', url)))).toEqual(new Set(['F16']));
  },
);
