import { readFile } from 'node:fs/promises';
import { languageSpec } from '@blip2/llm';
import { qformerSpec } from '@blip2/qformer';
import type { Json } from '@blip2/tensor';
import { countParameters } from '@blip2/tensor';
import { fixture } from '@blip2/testing';
import { checkMutations } from '@blip2/testing/untrusted';
import { visionSpec } from '@blip2/vision';
import { expect, test } from '@jest/globals';
import { isExternal, readModelConfig } from './config.js';

const json = async (path: string): Promise<Json> => JSON.parse(await readFile(fixture(path), 'utf8')) as Json;

test.each<[what: string, change: Json, message: string]>([
  ['an architecture that is no list', { architectures: 'Other' }, 'has the architecture "Other"; known are'],
  ['no architecture in a list', { architectures: [] }, 'has the architecture nothing'],
  ['a part that is no object', { qformer_config: [] }, "The BLIP-2 config's qformer_config must be an object, not []."],
  [
    'queries in words',
    { num_query_tokens: '32' },
    'num_query_tokens must be a whole number of at least 1 and at most 65536, not "32"',
  ],
  ['a million queries', { num_query_tokens: 1e6 }, 'of at least 1 and at most 65536, not 1000000'],
  ['half an image token', { image_token_index: 0.5 }, 'image_token_index must be a whole number, not 0.5'],
  [
    'an endless width',
    { vision_config: { hidden_size: 1e308 } },
    'hidden_size must be a whole number of at least 1 and at',
  ],
  ['a billion layers', { vision_config: { num_hidden_layers: 1e9 } }, 'and at most 1000, not 1000000000'],
  ['a billion layers of the Q-Former', { qformer_config: { num_hidden_layers: 1e9 } }, 'layers cannot be 1000000000'],
  ['an image as wide as a street', { vision_config: { image_size: 1e6 } }, 'at most 4096, not 1000000'],
  [
    'a type that is no text',
    { vision_config: { model_type: { toString: 1 } } },
    'model_type {"toString":1} is not supported',
  ],
  ['a language model that is a number', { text_config: 7 }, 'A language model of type 7 is not supported'],
  [
    'a list of end tokens that never ends',
    { text_config: { eos_token_id: Array(2000).fill(1) } },
    'eos_token_id must be',
  ],
  [
    're-ranking of no candidates',
    { rerank: { itm: true, k: 0 } },
    '\'rerank\' in folder/config.json must be like {"itm": true, "k": 128}',
  ],
])('refuses %s', async (_, change, message) => {
  const valid = await json('hf-opt/config.json');
  expect(() => readModelConfig({ ...valid, ...change }, 'folder')).toThrow(message);
});

test('re-ranking is what the config says, and for published models that of LAVIS', async () => {
  const valid = await json('hf-itm/config.json');
  const read = (rerank?: unknown) => readModelConfig({ ...valid, rerank } as Json, 'folder').rerank;
  expect(read()).toEqual({ itm: true, k: 128 });
  expect(read({ itm: false, k: 16 })).toEqual({ itm: false, k: 16 });
  expect(read(false)).toEqual({ itm: false, k: 128 });
});

test.each(['hf-opt', 'hf-itm', 'hf-t5', 'hf-llama'])(
  '200 mutations of the config of %s read or are refused clearly',
  async (folder) => {
    const valid = { config: await json(`${folder}/config.json`), generation: { eos_token_id: 2, pad_token_id: 1 } };
    const read = await checkMutations(
      valid,
      ({ config, generation }) => {
        const { vision, qformer, language } = readModelConfig(config ?? {}, folder, generation ?? undefined);
        const specs = [
          qformerSpec(qformer, 'pretraining'),
          ...(isExternal(vision) ? [] : [visionSpec(vision)]),
          ...(!language || isExternal(language) ? [] : [languageSpec(language)]),
        ];
        for (const spec of specs) expect(Number.isFinite(countParameters(spec))).toBe(true);
      },
      { runs: 200 },
    );
    expect(read).toBeGreaterThan(20);
    expect(read).toBeLessThan(195);
  },
);
