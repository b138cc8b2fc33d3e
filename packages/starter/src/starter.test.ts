import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { starterUrl } from './index.js';

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
    const bytes = await readFile(new URL('model.safetensors', url));
    expect(bytes.length).toBeLessThan(10e6);
    const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString());
    const { __metadata__, ...tensors } = header as Record<string, { dtype: string }>;
    expect(Object.keys(tensors).length).toBeGreaterThan(50);
    for (const { dtype } of Object.values(tensors)) expect(dtype).toBe('F16');
  },
);
