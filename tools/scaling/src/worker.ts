/** One of the processes of a measurement: makes steps of stage 1 on random pairs; process 0 prints what they took, as JSON. */
import { type MpiCommunicator, openMpi } from '@blip2/mpi';
import { hash, rng } from '@blip2/tensor';
import { type Communicator, type Reduction, singleProcess } from '@blip2/trainer';
import { compose, trainStage1, useBackend } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import type { Job, Measured } from './job.js';

const job = JSON.parse(process.argv[2] as string) as Job;
const { model, batch, steps, warm, processes, threads, hide } = job;
const { positions: N, width: D, vocabulary, tokens: L } = model;

/** The communicator whose sums of gradients all begin when the first is waited for: nothing is hidden behind the backward pass. */
function late(world: MpiCommunicator): Communicator {
  let waiting: (() => void)[] = [];
  return {
    rank: world.rank,
    size: world.size,
    allGather: (x) => world.allGather(x),
    allReduce: (x) => world.allReduce(x),
    broadcast: (x) => world.broadcast(x),
    barrier: (patient) => world.barrier(patient),
    startAllReduce(values): Reduction {
      let sum: Reduction | undefined;
      waiting.push(() => {
        sum = world.startAllReduce(values);
      });
      return {
        progress: () => {},
        async done() {
          for (const start of waiting) start();
          waiting = [];
          await sum?.done();
        },
      };
    },
  };
}

await useBackend({ threads });
const world = processes > 1 ? await openMpi({ timeout: 300 }) : undefined;
const communicator = world ? (hide ? world : late(world)) : singleProcess;
const rows = batch / processes;
const tokenizer = { vocabSize: vocabulary, special: { bos: 1, pad: 0 } };
const parts = await compose({
  vision: { width: D, encode: () => tf.zeros([1, N, D]) },
  text: { tokenizer: tokenizer as never },
  qformer: { ...model.qformer, dropout: 0, attentionDropout: 0 },
});

const seconds: number[] = [];
const waits: number[] = [];
let before = world?.traffic();
let bytes = 0;
let began = 0;
const run = trainStage1(parts, {
  steps: warm + steps,
  data: ({ position }) => {
    const random = rng(hash(7, `${position} ${communicator.rank}`));
    const ids = Int32Array.from({ length: rows * L }, () => 2 + Math.floor(random() * (vocabulary - 2)));
    const first = position * batch + communicator.rank * rows;
    return {
      features: tf.tensor3d(
        Float32Array.from({ length: rows * N * D }, () => random() - 0.5),
        [rows, N, D],
      ),
      imageIds: tf.tensor1d(
        Array.from({ length: rows }, (_, i) => first + i),
        'int32',
      ),
      ids: tf.tensor2d(ids, [rows, L], 'int32'),
      mask: tf.ones([rows, L], 'int32') as tf.Tensor2D,
    };
  },
  trainer: { communicator, maxGradNorm: 1 },
});
for await (const { step } of run) {
  const now = performance.now();
  const traffic = world?.traffic();
  if (step > warm) {
    seconds.push((now - began) / 1000);
    waits.push((traffic?.waited ?? 0) - (before?.waited ?? 0));
    bytes = (traffic?.bytes ?? 0) - (before?.bytes ?? 0);
  }
  [began, before] = [performance.now(), traffic];
}
const parameters = Object.values(parts.stage1).reduce((sum, { size }) => sum + size, 0);
if (communicator.rank === 0) {
  console.log(JSON.stringify({ seconds, waits, bytes, parameters } satisfies Measured));
}
await world?.close();
process.exit(0);
