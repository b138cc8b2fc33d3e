import '@blip2/testing';
import { expect, test } from '@jest/globals';
import { memoryFile } from '../test/memory-file.js';
import { languageConfig, languageKind, languageRepeats, loadLanguage } from './families.js';
import { optConfig } from './opt/config.js';
import { t5Config } from './t5/config.js';
import { t5Spec } from './t5/spec.js';

test('a config is of the family that it names, and of OPT where it names none', () => {
  expect(languageConfig({ vocab_size: 9 })).toEqual(optConfig({ vocab_size: 9 }));
  expect(languageConfig({ model_type: 't5', d_ff: 9 })).toEqual(t5Config({ d_ff: 9 }));
  expect([{}, { model_type: 't5' }].map((json) => languageKind(languageConfig(json)))).toEqual([
    'decoder',
    'encoder-decoder',
  ]);
  expect(() => languageConfig({ model_type: 'toString' })).toThrow(
    'of type "toString" is not supported yet; supported are llama, mistral, qwen2, opt and t5.',
  );
});

test('what generation_config.json says goes first', () => {
  const generation = { eos_token_id: [3, 4], pad_token_id: 5, decoder_start_token_id: 6, bos_token_id: 7 };
  expect(languageConfig({}, generation)).toEqual({ ...optConfig({}), eos: [3, 4], pad: 5 });
  expect(languageConfig({ model_type: 't5' }, generation)).toEqual({
    ...t5Config({}),
    ...{ eos: [3, 4], pad: 5, decoderStart: 6 },
  });
  expect(languageConfig({}, { eos_token_id: null })).toEqual(optConfig({}));
  expect(() => languageConfig({}, { pad_token_id: 'a' })).toThrow("The generation config's pad_token_id must be");
});

test('a model of each family is loaded by its config, and copies in a file are known', async () => {
  const config = t5Config({ vocab_size: 5, d_model: 4, d_kv: 2, d_ff: 4, num_heads: 2, num_layers: 1 });
  const model = await loadLanguage(memoryFile(t5Spec(config)), config);
  expect(model).toMatchObject({ kind: 'encoder-decoder', width: 4, vocabSize: 5 });
  model.dispose?.();
  await expect(loadLanguage(memoryFile(t5Spec(config)), { ...config, decoderStart: 5 })).rejects.toThrow(
    'The decoder start token of',
  );
  const all = ['shared.weight', 'decoder.embed_tokens.weight', 'encoder.embed_tokens.weight', 'lm_head.weight'];
  const copies = (names: string[], tied: boolean): string[] =>
    names.filter(languageRepeats({ ...config, tied }, (name) => names.includes(name)));
  expect(copies(all, true)).toEqual(all.slice(1, 3)); // the head may be another one
  expect(copies(all, false)).toEqual(all.slice(1, 3));
  expect(copies(all.slice(1), false)).toEqual([all[1]]);
  expect(['lm_head.weight', 'fc1'].filter(languageRepeats(optConfig({}), () => true))).toEqual(['lm_head.weight']);
});
