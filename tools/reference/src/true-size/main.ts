import { parseArgs } from 'node:util';
import { quantizations } from '@blip2/models/folder';
import { type PublishedName, published } from '@blip2/testing/published';
import { makeTrueSize } from './make.js';
import { measureLoading } from './measure.js';

const usage = `Usage: pnpm true-size NAME OUT [--sparse] [--dtype F16|BF16|F32] [--quantize ${quantizations.join('|')}] [--seed N]
       pnpm true-size measure FOLDER [--pairs N] [--warm] [--tokens N] [--beams N]

Writes a folder with the shapes of a published model and random weights. blip2-opt-2.7b takes 7.5 GB as F16.

  NAME      ${Object.keys(published).join(', ')}
  --quantize NAME  packed weights, without the time that quantizing takes
  --sparse  real headers, data that take no room on the disk and read as zeros

measure: loads any model's folder and reads its files plainly, in pairs (3), and writes a line of JSON: seconds of both, the ratio of
their speeds, the longest time without progress, and the resident memory when it is loaded and after a caption of N tokens (20) by N
beams (1), or a match. The system is made to forget the files before each sample, unless --warm is given.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sparse: { type: 'boolean' },
    dtype: { type: 'string', default: 'F16' },
    quantize: { type: 'string' },
    seed: { type: 'string', default: '1' },
    pairs: { type: 'string', default: '3' },
    warm: { type: 'boolean' },
    tokens: { type: 'string', default: '20' },
    beams: { type: 'string', default: '1' },
  },
});
const [name, out] = positionals;
const quantize = quantizations.find((known) => known === values.quantize);
const dtype = (['F16', 'BF16', 'F32'] as const).find((known) => known === values.dtype);
if (name === 'measure' && out !== undefined) {
  const [pairs, tokens, beams] = [values.pairs, values.tokens, values.beams].map(Number);
  process.stdout.write(`${JSON.stringify(await measureLoading(out, { pairs, tokens, beams, cold: !values.warm }))}\n`);
} else if (name === undefined || !Object.hasOwn(published, name) || out === undefined || !dtype) {
  process.stderr.write(usage);
  process.exitCode = 2;
} else {
  const { sparse = false, seed } = values;
  await makeTrueSize(name as PublishedName, out, { sparse, dtype, quantize, seed: Number(seed) });
  process.stdout.write(`${out}\n`);
}
