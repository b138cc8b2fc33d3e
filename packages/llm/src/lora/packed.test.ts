import {
  dispose,
  type Flat,
  flatten,
  initialize,
  isQuantized,
  matrixShape,
  type QuantizedFormat,
  quantize,
  quantizedMatrix,
  type Spec,
  specLeaves,
  unflatten,
  valueAndGrads,
} from '@blip2/tensor';
import { expectClose, expectNoLeak } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import type { LoraSupport, SyncLanguageModel } from '../language-model.js';
import { llamaConfig } from '../llama/config.js';
import { llamaLanguageModel } from '../llama/model.js';
import { llamaSpec } from '../llama/spec.js';
import { optConfig } from '../opt/config.js';
import { optLanguageModel } from '../opt/model.js';
import { optSpec } from '../opt/spec.js';
import { loraSpec } from './apply.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

const sizes = { vocab_size: 11, hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2, pad_token_id: 0 };
const opt = optConfig({ ...sizes, word_embed_proj_dim: 32, ffn_dim: 64, max_position_embeddings: 12, init_std: 0.2 });
const llama = llamaConfig({
  ...{ ...sizes, num_key_value_heads: 1, intermediate_size: 64, max_position_embeddings: 12, initializer_range: 0.2 },
});

const families: Record<string, { spec: Spec; model: (flat: Flat) => SyncLanguageModel }> = {
  opt: { spec: optSpec(opt), model: (flat) => optLanguageModel(unflatten(optSpec(opt), flat), opt) },
  llama: { spec: llamaSpec(llama), model: (flat) => llamaLanguageModel(unflatten(llamaSpec(llama), flat), llama) },
};

/** Random parameters whose matrices are packed, and the same with the values of these unpacked. */
function both(spec: Spec, format: QuantizedFormat): { packed: Flat; dense: Flat } {
  const dense: Flat = flatten(initialize(spec, 1));
  const packed: Flat = {};
  for (const [name, { shape, packable }] of specLeaves(spec)) {
    const weight = dense[name] as tf.Tensor;
    if (!packable || name.includes('embed_positions')) {
      packed[name] = weight.clone();
      continue;
    }
    const matrix = quantizedMatrix(quantize(weight.dataSync() as Float32Array, matrixShape(shape), format));
    weight.dispose();
    packed[name] = matrix;
    dense[name] = tf.tensor(matrix.dataSync(), [...shape]);
  }
  return { packed, dense };
}

test.each(
  Object.keys(families).flatMap((family) =>
    (['I8', 'Q4_0', 'F16'] as const).map((format) => [family, format] as const),
  ),
)(
  'adapters of a packed %s (%s) and their gradients are those over the same weights unpacked',
  async (family, format) => {
    const { spec, model } = families[family]!;
    await expectNoLeak(() => {
      const params = both(spec, format);
      expect(Object.values(params.packed).filter(isQuantized).length).toBeGreaterThan(10);
      const models = [model(params.packed), model(params.dense)] as const;
      const config = { rank: 2, alpha: 4 };
      const layers = (models[0].lora as LoraSupport).layers;
      expect(layers).toEqual((models[1].lora as LoraSupport).layers);
      const empty = flatten(initialize(loraSpec(layers, config), 2));
      const adapters: Flat = Object.fromEntries(
        Object.entries(empty).map(([name, x], i) => [name, tf.randomNormal(x.shape, 0, 0.3, 'float32', i + 1)]),
      );
      const softPrompt = tf.randomNormal<tf.Rank.R3>([2, 3, 32], 0, 1, 'float32', 7);
      const targetIds = tf.tensor2d(
        [
          [3, 4, 5],
          [6, 7, 8],
        ],
        [2, 3],
        'int32',
      ); // prettier-ignore
      const trainable = { ...adapters, softPrompt };
      const [found, expected] = models.map((one) =>
        valueAndGrads(() => {
          const { softPrompt, ...own } = trainable;
          const adapted = (one.lora as LoraSupport).adapt(own, { config });
          const { logits } = adapted.predict({ softPrompt: softPrompt as tf.Tensor3D, targetIds });
          return { total: tf.mean(tf.square(logits)) as tf.Scalar };
        }, trainable),
      ) as [ReturnType<typeof valueAndGrads>, ReturnType<typeof valueAndGrads>];
      expectClose(found.terms.total as tf.Tensor, expected.terms.total as tf.Tensor, 1e-5);
      expect(Object.keys(found.grads).sort()).toEqual(Object.keys(trainable).sort()); // and of nothing that is packed
      for (const [name, grad] of Object.entries(found.grads)) expectClose(grad, expected.grads[name]!, 1e-5);
      dispose([found.terms, found.grads, expected.terms, expected.grads, empty, adapters] as never);
      tf.dispose([softPrompt, targetIds]);
      for (const one of models) one.dispose?.();
    });
  },
);
