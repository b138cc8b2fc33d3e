import { parseArgs } from 'node:util';
import { quantizations } from '@blip2/models/folder';
import { type PublishedName, published } from '@blip2/testing/published';
import { makeTrueSize } from './make.js';

const usage = `Usage: pnpm true-size NAME OUT [--sparse] [--dtype F16|BF16|F32] [--quantize ${quantizations.join('|')}] [--seed N]

Writes a folder with the shapes of a published model and random weights. blip2-opt-2.7b takes 7.5 GB as F16.

  NAME      ${Object.keys(published).join(', ')}
  --quantize NAME  packed weights, without the time that quantizing takes
  --sparse  real headers, data that take no room on the disk and read as zeros
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sparse: { type: 'boolean' },
    dtype: { type: 'string', default: 'F16' },
    quantize: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
});
const [name, out] = positionals;
const quantize = quantizations.find((known) => known === values.quantize);
const dtype = (['F16', 'BF16', 'F32'] as const).find((known) => known === values.dtype);
if (name === undefined || !Object.hasOwn(published, name) || out === undefined || !dtype) {
  process.stderr.write(usage);
  process.exitCode = 2;
} else {
  const { sparse = false, seed } = values;
  await makeTrueSize(name as PublishedName, out, { sparse, dtype, quantize, seed: Number(seed) });
  process.stdout.write(`${out}\n`);
}
