/**
 * A process that trains with a checkpoint after every step and may be killed at any moment: `DIR [STEPS]`.
 * Tells its steps on stdout.
 */
import * as tf from '@tensorflow/tfjs';
import { nodeFiles } from '../checkpoint/files.js';
import { latestCheckpoint } from '../checkpoint/find.js';
import { openMetrics } from '../metrics.js';
import { train } from '../train.js';
import { toyRun } from './toy.js';

tf.env().set('IS_TEST', true);
await tf.setBackend('cpu');
const [dir = '', steps = '12'] = process.argv.slice(2);
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
  process.stdout.write(`${step}\n`);
}
