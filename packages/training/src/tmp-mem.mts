import * as tf from '@tensorflow/tfjs';
import { compose, trainStage1, useBackend } from './index.js';

const [mode, B, C] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
await useBackend({ threads: 1 });
const tokenizer = { vocabSize: 2000, special: { bos: 1, pad: 0 } } as never;
const qformer = {
  layers: 6,
  hiddenSize: 256,
  heads: 4,
  intermediateSize: 1024,
  queries: 16,
  projectionSize: 64,
  maxPositions: 32,
};
const vision = { width: 352, encode: () => tf.zeros([1, 4, 352]) as never };
const parts = await compose({ vision, text: { tokenizer }, qformer });
const data = ({ position }: { position: number }) => ({
  features: tf.randomNormal([B, 49, 352], 0, 1, 'float32', position + 1) as tf.Tensor3D,
  imageIds: tf.range(position * B, position * B + B, 1, 'int32') as tf.Tensor1D,
  ids: tf.randomUniform([B, 20], 3, 2000, 'int32', position + 1) as tf.Tensor2D,
  mask: tf.ones([B, 20], 'int32') as tf.Tensor2D,
});
const before = (tf.memory() as never as { heap: { live: number } }).heap.live;
let t = performance.now();
for await (const { losses } of trainStage1(parts, {
  data,
  steps: 2,
  gradCache: mode === 'cache',
  trainer: { accumulationSteps: C },
})) {
  const heap = (tf.memory() as never as { heap: { size: number; live: number; peak?: number } }).heap;
  console.log(
    mode,
    B,
    C,
    JSON.stringify(losses),
    'MB',
    JSON.stringify(Object.fromEntries(Object.entries(heap).map(([k, v]) => [k, Math.round(Number(v) / 1e6)]))),
    Math.round(performance.now() - t),
    'ms',
    Math.round(before / 1e6),
  );
  t = performance.now();
}
