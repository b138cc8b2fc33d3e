/**
 * A process that trains with a checkpoint after every step: `DIR [STEPS [KILL_AFTER DELAY]]`. With KILL_AFTER a worker thread sends it
 * SIGKILL DELAY milliseconds after that step, so that the moment does not depend on how the parent process is scheduled.
 */
import * as tf from '@tensorflow/tfjs';
import { nodeFiles } from '../checkpoint/files.js';
import { latestCheckpoint } from '../checkpoint/find.js';
import { openMetrics } from '../metrics.js';
import { train } from '../train.js';
import { toyRun } from './toy.js';

tf.env().set('IS_TEST', true);
await tf.setBackend('cpu');
const [dir = '', steps = '12', killAfter, delay] = process.argv.slice(2);
const stepsDone = new Int32Array(new SharedArrayBuffer(4));
const killer = `
  const { stepsDone, after, delay } = require('node:worker_threads').workerData;
  for (let now = 0; now < after; now = Atomics.load(stepsDone, 0)) Atomics.wait(stepsDone, 0, now);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delay);
  process.kill(process.pid, 'SIGKILL');`;
if (killAfter !== undefined) {
  const { Worker } = await import('node:worker_threads');
  const workerData = { stepsDone, after: Number(killAfter), delay: Number(delay) };
  const worker = new Worker(killer, { eval: true, workerData });
  await new Promise<void>((resolve) => worker.once('online', resolve));
  worker.unref(); // a process that was done before ends
}
await nodeFiles.makeFolder(dir);
const metrics = await openMetrics(`${dir}/metrics.jsonl`, { lastStep: (await latestCheckpoint(dir))?.step ?? 0 });
const environment = { threads: 1, module: 'none' };
const checkpoint = { dir, every: 1, keep: 2 };
const options = toyRun({
  steps: Number(steps),
  accumulationSteps: 2,
  maxGradNorm: 1,
  checkpoint,
  resume: true,
  environment,
});
for await (const { step, losses, lr } of train(options)) {
  await metrics.append({ step, losses, lr });
  Atomics.add(stepsDone, 0, 1);
  Atomics.notify(stepsDone, 0);
}
