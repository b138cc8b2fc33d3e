import { encodeKeyValues, type KeyValues, qformerConfig } from '@blip2/qformer';
import { dispose, flatten, initialize, unflatten } from '@blip2/tensor';
import { expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { stage1Spec } from './specs.js';
import { keyValues, normFeatures } from './vision-norm.js';

test('folded into the projections, the norm gives the same keys, values and gradients', async () => {
  const config = qformerConfig({
    num_hidden_layers: 2,
    hidden_size: 8,
    num_attention_heads: 2,
    encoder_hidden_size: 12,
  });
  const spec = stage1Spec(config);
  const tree = initialize(spec, 1);
  const flat = { ...flatten(tree) };
  for (const name of ['weight', 'bias']) {
    const path = `vision_model.post_layernorm.${name}`;
    flat[path]?.dispose();
    flat[path] = tf.randomNormal([12], 1, 1, 'float32', 3);
  }
  const features = tf.randomNormal([2, 5, 12], 3, 2, 'float32', 4) as tf.Tensor3D;
  const paths = Object.keys(flat).filter((path) => /post_layernorm|crossattention.*(key|value)/.test(path));
  const gradients = (keysOf: (p: ReturnType<typeof read>) => KeyValues) =>
    tf.grads((...tensors) => {
      const keys = keysOf(
        read({ ...flat, ...Object.fromEntries(paths.map((path, i) => [path, tensors[i] as tf.Tensor])) }),
      );
      const parts = keys.flatMap((one) => (one ? [one.key, one.value] : []));
      return tf.addN(parts.map((x, i) => tf.sum(tf.mul(tf.sin(x), i + 1))));
    })(paths.map((path) => flat[path] as tf.Tensor));
  const read = (leaves: typeof flat) => unflatten(spec, leaves);
  await expectNoLeak(() => {
    const keys = keyValues(read(flat), config, features);
    tf.tidy(() => {
      for (const [i, one] of encodeKeyValues(read(flat), config, normFeatures(read(flat), features)).entries()) {
        expect(one === undefined).toBe(keys[i] === undefined);
        if (!one || !keys[i]) continue;
        expectClose(keys[i].key, one.key, 1e-5);
        expectClose(keys[i].value, one.value, 1e-5);
      }
      const plain = gradients((p) => encodeKeyValues(p, config, normFeatures(p, features)));
      const folded = gradients((p) => keyValues(p, config, features));
      for (const [i, one] of plain.entries()) expectClose(folded[i] as tf.Tensor, one, 1e-4);
    });
    dispose(keys as never);
  });
  expect(paths).toHaveLength(2 + 4);
  dispose([flat as never, features]);
});
