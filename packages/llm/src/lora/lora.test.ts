import {
  bind,
  crossEntropy,
  dispose,
  type Flat,
  flatten,
  initialize,
  valueAndGrads,
  type WeightSource,
} from '@blip2/tensor';
import { readConfigJson, readGenerationJson, readJson } from '@blip2/tensor/files';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { checkGradients, expectClose, expectNoLeak, fixture, json } from '@blip2/testing';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { languageConfig, loadLanguage } from '../families.js';
import type { LoraSupport, SyncLanguageModel } from '../language-model.js';
import { optConfig } from '../opt/config.js';
import { optLanguageModel } from '../opt/model.js';
import { optSpec } from '../opt/spec.js';
import { loraSpec, withLora } from './apply.js';
import { type LoraConfig, loraConfigJson, readLoraConfig } from './config.js';
import { loraChanges, peftTensors } from './files.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

const PREFIX = 'language_model.';

/** An adapter that PEFT made, its model, and what PEFT computes with both. */
async function opened(kind: 'opt' | 't5') {
  const [base, folder] = [fixture(`hf-${kind}`), fixture(`lora-${kind}`)];
  const golden = await json<{ input_ids: number[]; labels: number[] }>(`${folder}/golden.json`);
  const whole = await readConfigJson(base);
  const source = await openSafetensors(base);
  const config = languageConfig(whole.text_config as never, await readGenerationJson(base));
  const model = await loadLanguage(source, config, { prefix: PREFIX });
  const adapter = await openSafetensors(`${folder}/adapter_model.safetensors`);
  const lora = readLoraConfig((await readJson(`${folder}/adapter_config.json`)) ?? {}, folder);
  const spec = loraSpec((model.lora as LoraSupport).layers, { ...lora, targets: targetsOf(adapter) });
  const adapters = flatten(await bind(spec, adapter, { prefix: `base_model.model.${PREFIX}` }));
  const values = await openSafetensors(`${folder}/golden.safetensors`);
  const first = await openSafetensors(`${base}/golden.safetensors`);
  const softPrompt = tf.tensor(await first.read('language_projection'), [
    ...first.names.get('language_projection')!.shape,
  ]);
  await first.close();
  const image = tf.slice(softPrompt, [0, 0, 0], [1, -1, -1]);
  softPrompt.dispose();
  return { golden, source, model, adapter, lora, adapters, values, image, whole };
}

/** The layers that a file has adapters of. */
const targetsOf = ({ names }: WeightSource): string[] => [
  ...new Set(
    [...names.keys()].map((name) => name.replace(/^base_model\.model\.language_model\.|\.lora_[AB]\.weight$/g, '')),
  ),
];

/** The loss of PEFT's golden gradients, and the logits of its targets. */
function predict(
  model: Pick<SyncLanguageModel, 'predict'>,
  kind: 'opt' | 't5',
  image: tf.Tensor,
  of: { input_ids: number[]; labels: number[] },
) {
  const row = (ids: number[]): tf.Tensor2D => tf.tensor2d([ids], [1, ids.length], 'int32');
  const text = row(of.input_ids.slice(image.shape[1]));
  const given = kind === 'opt' ? { targetIds: text } : { promptIds: text, targetIds: row(of.labels) };
  const { logits, labels } = model.predict({ softPrompt: image, ...given });
  const [, T, V] = logits.shape;
  const losses = crossEntropy(tf.reshape(logits, [T, V]), tf.reshape(labels, [T]) as tf.Tensor1D, {});
  return { logits, loss: tf.mean(losses) as tf.Scalar };
}

describe.each(['opt', 't5'] as const)('LoRA of %s', (kind) => {
  test('logits, loss and the gradients of all adapters are those of PEFT, and nothing leaks', async () => {
    const { golden, source, model, adapter, lora, adapters, values, image } = await opened(kind);
    await expectNoLeak(async () => {
      const logits: tf.Tensor[] = [];
      const { terms, grads } = valueAndGrads(() => {
        const adapted = (model.lora as LoraSupport).adapt(adapters, { config: lora });
        const made = predict(adapted, kind, image, golden);
        logits.push(tf.keep(made.logits.clone()));
        return { total: made.loss };
      }, adapters);
      expectClose(terms.total, await values.read('loss'), 1e-4);
      const expected = await values.read('logits');
      const own = logits[0] as tf.Tensor;
      // of a decoder, PEFT has logits of the soft prompt too, and of the last token, which predicts nothing
      const at = kind === 'opt' ? expected.slice((image.shape[1]! - 1) * own.shape[2]!, -own.shape[2]!) : expected;
      expectClose(own, at, 1e-3);
      expect(Object.keys(grads)).toHaveLength(Object.keys(adapters).length);
      for (const [path, grad] of Object.entries(grads)) {
        const wanted = await values.read(`grad.base_model.model.${PREFIX}${path}`);
        const largest = wanted.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        expectClose(grad, wanted, 1e-3 * largest + 1e-6);
      }
      dispose([terms, grads, logits] as never);
    });
    model.dispose();
    dispose([adapters, image] as never);
    await Promise.all([source, adapter, values].map((file) => file.close()));
  });

  test('merged weights give the same as adapters beside them', async () => {
    const { golden, source, model, adapter, lora, adapters, image, whole, values } = await opened(kind);
    const beside = predict((model.lora as LoraSupport).adapt(adapters, { config: lora }), kind, image, golden);
    const changes = loraChanges(source, { source: adapter, config: lora });
    expect(changes.size).toBe(Object.keys(adapters).length / 2);
    const read = async (name: string) => {
      const found = await source.read(name);
      await changes.get(name)?.(found);
      return found;
    };
    const merged = await loadLanguage({ ...source, read }, languageConfig(whole.text_config as never), {
      prefix: PREFIX,
    });
    const alone = predict(merged, kind, image, golden);
    expectClose(alone.logits, beside.logits, 1e-4);
    merged.dispose();
    model.dispose();
    dispose([adapters, image, alone, beside] as never);
    await Promise.all([source, adapter, values].map((file) => file.close()));
  });

  test('what is written for PEFT has the names and the configuration that PEFT writes', async () => {
    const { source, model, adapter, lora, adapters, image, values } = await opened(kind);
    expect(Object.keys(peftTensors(adapters, PREFIX)).sort()).toEqual([...adapter.names.keys()].sort());
    const folder = fixture(`lora-${kind}`);
    const written = await json<Record<string, unknown>>(`${folder}/adapter_config.json`);
    const { target_modules, ...own } = loraConfigJson(lora, { base: `hf-${kind}`, prefix: PREFIX });
    expect(written).toMatchObject({ ...own, inference_mode: true });
    const names = targetsOf(adapter).map((path) => path.slice(path.lastIndexOf('.') + 1));
    const again = loraConfigJson({ ...lora, targets: [...new Set(names)] }, { prefix: PREFIX });
    const chosen = (pattern: unknown, path: string): boolean => new RegExp(`^(?:${pattern})$`).test(PREFIX + path);
    for (const path of (model.lora as LoraSupport).layers.keys()) {
      const has = `base_model.model.${PREFIX}${path}.lora_A.weight` in Object.fromEntries(adapter.names);
      expect([path, chosen(again.target_modules, path)]).toEqual([path, has]);
    }
    expect(target_modules).toContain('language_model\\.');
    model.dispose();
    dispose([adapters, image] as never);
    await Promise.all([source, adapter, values].map((file) => file.close()));
  });
});

const small = optConfig({ vocab_size: 11, hidden_size: 6, num_hidden_layers: 1, num_attention_heads: 2, ffn_dim: 8 });
const config: LoraConfig = { rank: 2, alpha: 4, dropout: 0.4, targets: ['q_proj', 'fc2'] };
const filled = (adapters: Flat): Flat =>
  Object.fromEntries(
    Object.entries(adapters).map(([name, x], i) => [name, tf.randomNormal(x.shape, 0, 0.5, 'float32', i + 1)]),
  );

test('gradients with dropout are those of finite differences, and dropout is off without a seed', () => {
  tf.tidy(() => {
    const params = initialize(optSpec({ ...small, initStd: 0.4 }), 1);
    const model = optLanguageModel(params, small);
    const adapters = filled(initialize(loraSpec((model.lora as LoraSupport).layers, config), 2));
    const names = Object.keys(adapters);
    const targetIds = tf.tensor2d([[3, 4, 5]], [1, 3], 'int32');
    const softPrompt = tf.randomNormal([1, 2, 6], 0, 1, 'float32', 7);
    const logits = (tensors: tf.Tensor[], seed?: number): tf.Tensor => {
      const own = Object.fromEntries(names.map((name, i) => [name, tensors[i] as tf.Tensor]));
      return (model.lora as LoraSupport).adapt(own, { config, seed }).predict({ softPrompt, targetIds }).logits;
    };
    const tensors = Object.values(adapters);
    const weighted = (...xs: tf.Tensor[]) => tf.mul(logits(xs, 5), tf.range(0, 33).reshape([1, 3, 11]));
    checkGradients(weighted, tensors, { tolerance: 2e-2, elements: 8 });
    expectClose(logits(tensors), logits(tensors), 0);
    expect(() => expectClose(logits(tensors, 5), logits(tensors, 6), 1e-4)).toThrow('differ');
  });
});

test('adapters change nothing at first, and what does not fit is refused by name', () => {
  const params = initialize(optSpec(small), 1);
  const model = optLanguageModel(params, small);
  const { layers, adapt } = model.lora as LoraSupport;
  expect([...layers.keys()]).toEqual([
    ...['q_proj', 'k_proj', 'v_proj', 'out_proj'].map((name) => `model.decoder.layers.0.self_attn.${name}`),
    'model.decoder.layers.0.fc1',
    'model.decoder.layers.0.fc2',
  ]);
  const adapters = flatten(initialize(loraSpec(layers, { rank: 2, alpha: 1 }), 2));
  tf.tidy(() => {
    const input = { targetIds: tf.tensor2d([[3, 4, 5]], [1, 3], 'int32') };
    expectClose(adapt(adapters, { config }).predict(input).logits, model.predict(input).logits, 1e-6);
  });
  const all = Object.keys(loraSpec(layers, { rank: 2, alpha: 1, targets: 'all-linear' }));
  expect(new Set(all.map((name) => name.replace(/\.lora_.*/, '')))).toEqual(new Set(layers.keys()));
  expect(() => loraSpec(layers, { rank: 2, alpha: 1, targets: ['query'] })).toThrow('["query"] match no linear layer');
  expect(() => loraSpec(layers, { rank: 2, alpha: 1, targets: '(' })).toThrow('are no regular expression');
  expect(() => loraSpec(layers, { rank: 0.5, alpha: 1 })).toThrow('a whole number from 1, not 0.5');
  const [first] = Object.keys(adapters) as [string];
  const { [first]: one, ...others } = adapters;
  expect(() => withLora(params, others, { config })).toThrow('lora_A [missing]');
  const moved = (name: string) =>
    Object.fromEntries(Object.entries(adapters).map(([path, x]) => [path.replace(/q_proj|v_proj/, name), x]));
  expect(() => withLora(params, moved('constructor'), { config })).toThrow('There is no linear layer');
  expect(() => withLora(params, { 'model.x': one as tf.Tensor }, { config })).toThrow("'model.x' is neither");
  const once = withLora(params, adapters, { config });
  expect(() => withLora(once, adapters, { config })).toThrow("q_proj' has an adapter already; merge it");
  const fc1 = Object.fromEntries(Object.entries(adapters).map(([p, x]) => [p.replace('self_attn.q_proj', 'fc1'), x]));
  expect(() => withLora(params, fc1, { config })).toThrow('is of a layer [6,6], not [8,6]');
  dispose([adapters] as never);
  model.dispose();
});

test.each([
  [{ peft_type: 'IA3' }, 'peft_type "IA3"'],
  [{ use_dora: true }, 'use_dora true'],
  [{ bias: 'all' }, 'bias "all"'],
  [{ modules_to_save: ['lm_head'] }, 'modules_to_save ["lm_head"]'],
  [{ alpha_pattern: { q: 3 } }, 'alpha_pattern {"q":3}'],
  [{ r: 0 }, "config's r must be"],
  [{ lora_alpha: 'x' }, "config's lora_alpha must be"],
])('%j is refused', (fields, message) => {
  expect(() => readLoraConfig({ peft_type: 'LORA', r: 2, lora_alpha: 2, ...fields }, 'here')).toThrow(message);
});
