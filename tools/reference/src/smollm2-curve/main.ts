import { parseArgs } from 'node:util';
import { useBackend } from '../backend.js';
import { writeCurve } from './write.js';

const usage = `Usage: npm run -s smollm2-curve -- OUT [--steps 50] [--phrase-steps 10] [--batch 32]

Trains the second stage of the preset scenes-smollm2 for some steps, from a first stage that has only its weights of MiniLM, and
writes what PyTorch needs to do the same: the parameters at the start, every batch, learning rates, and the losses. Then

    python tools/reference/check_curve.py OUT

computes them again. Give batches of 8 or more: products of up to 16 rows round their inputs to int8.
Needs the real models (npm run real-models).
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    steps: { type: 'string', default: '50' },
    'phrase-steps': { type: 'string', default: '10' },
    batch: { type: 'string', default: '32' },
  },
});
const [out] = positionals;
if (out === undefined) {
  process.stderr.write(usage);
  process.exitCode = 2;
} else {
  await useBackend('simd');
  const [steps, phraseSteps, batchSize] = [values.steps, values['phrase-steps'], values.batch].map(Number);
  const losses = await writeCurve(out, { steps: steps!, phraseSteps: phraseSteps!, batchSize: batchSize! });
  process.stdout.write(`${JSON.stringify(losses.at(-1))}\n`);
}
