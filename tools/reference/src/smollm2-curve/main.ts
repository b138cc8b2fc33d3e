import { parseArgs } from 'node:util';
import { useBackend } from '../backend.js';
import { writeCurve } from './write.js';

const usage = `Usage: npm run -s smollm2-curve -- OUT [--steps 50] [--phrase-steps 10] [--batch 32] [--parameters]

Trains the second stage of the preset scenes-smollm2 for some steps, from a first stage that has only its weights of MiniLM, and
writes what PyTorch needs to do the same: the parameters at the start, every batch, learning rates, and the losses. Then

    python tools/reference/check_curve.py OUT

computes them again. SmolLM2 multiplies roundings, so that two trainings in float32 go apart after some steps; with --parameters,
those after every step are written too (50 MB each), and PyTorch takes each step from them. Give batches of 8 or more: products of up to 16 rows round their inputs to int8.
Needs the real models (npm run real-models).
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    steps: { type: 'string', default: '50' },
    'phrase-steps': { type: 'string', default: '10' },
    batch: { type: 'string', default: '32' },
    parameters: { type: 'boolean', default: false },
  },
});
const [out] = positionals;
if (out === undefined) {
  process.stderr.write(usage);
  process.exitCode = 2;
} else {
  await useBackend('simd');
  const [steps, phraseSteps, batchSize] = [values.steps, values['phrase-steps'], values.batch].map(Number);
  const { parameters } = values;
  const losses = await writeCurve(out, { steps: steps!, phraseSteps: phraseSteps!, batchSize: batchSize!, parameters });
  process.stdout.write(`${JSON.stringify(losses.at(-1))}\n`);
}
