import { optConfig, optLanguageModel, optSpec, type SyncLanguageModel } from '@blip2/llm';
import { qformerConfig } from '@blip2/qformer';
import {
  dispose,
  type Flat,
  flatten,
  initialize,
  matrixShape,
  quantize,
  quantizedMatrix,
  specLeaves,
  unflatten,
  valueAndGrads,
} from '@blip2/tensor';
import type { BenchCase, Suite } from '@blip2/testing';
import { adamw, lavisWeightDecay } from '@blip2/trainer';
import { stage2Spec, stage2Terms } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';

// A step of stage 2 reads a frozen language model twice, forward and for the gradient of the soft prompt: what packing it costs or
// gains.

const [B, N, P, T, D] = [8, 257, 4, 12, 1408];
const config = optConfig();

/** OPT-125M with random weights, packed but for its positions where `int8`. */
function language(int8: boolean): SyncLanguageModel {
  const spec = optSpec(config);
  const flat: Flat = flatten(initialize(spec, 1));
  if (!int8) return optLanguageModel(unflatten(spec, flat), config);
  for (const [name, { shape, packable }] of specLeaves(spec)) {
    const weight = flat[name] as tf.Tensor;
    if (!packable || name.includes('embed_positions')) continue;
    const values = quantize(weight.dataSync() as Float32Array, matrixShape(shape), 'I8');
    weight.dispose();
    flat[name] = quantizedMatrix(values);
  }
  return optLanguageModel(unflatten(spec, flat), config);
}

const step = (int8: boolean): BenchCase => ({
  name: `stage 2 step, batch ${B}, through frozen ${int8 ? 'int8' : 'float32'} OPT-125M`,
  threads: 2,
  slow: ['wasm', 'cpu', 'tfjs-node'],
  prepare: () => {
    const model = language(int8);
    const qformer = qformerConfig({ hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 }, { encoderWidth: D });
    const spec = stage2Spec(qformer, config.hiddenSize);
    const optimizer = adamw({ betas: [0.9, 0.98], weightDecay: 0.05, decayRule: lavisWeightDecay });
    let trainable: Flat = flatten(initialize(spec, 1));
    let state = optimizer.init(trainable);
    const ids = (length: number, seed: number): tf.Tensor2D =>
      tf.randomUniform<tf.Rank.R2>([B, length], 1000, 30000, 'int32', seed);
    const batch = {
      features: tf.randomNormal<tf.Rank.R3>([B, N, D], 0, 1, 'float32', 1),
      texts: {
        imageIndex: tf.range(0, B, 1, 'int32'),
        promptIds: ids(P, 2),
        promptMask: tf.ones<tf.Rank.R2>([B, P], 'int32'),
        targetIds: ids(T, 3),
        targetMask: tf.ones<tf.Rank.R2>([B, T], 'int32'),
      },
    };
    const loss = () =>
      stage2Terms(unflatten(spec, trainable), { config: qformer, language: model }, batch, { seed: 1 });
    return {
      run: () => {
        const { terms, grads } = valueAndGrads(loss, trainable);
        ({ trainable, state } = optimizer.update(trainable, grads, state, { lr: 1e-4 }));
        dispose({ terms, grads });
      },
      dispose: () => {
        tf.dispose([trainable, state.m, state.v, batch] as tf.TensorContainer);
        model.dispose?.();
      },
    };
  },
});

const suite: Suite = { bench: 'stage2', cases: [step(false), step(true)] };
export default suite;
