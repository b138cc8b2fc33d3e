import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { convertModel, type Quantization } from '@blip2/convert';
import { GOLDEN } from './folder.js';
import type { Row } from './row.js';
import { type Report, type VerifyOptions, verifyFolder } from './verify.js';

/**
 * The largest error that packed weights may cause, as a share of a tensor's largest golden element. The fixtures have random weights
 * of width 32 and 40: errors of so few products average out less than those of a model of its true size.
 */
const shares: Readonly<Record<Quantization, number>> = { f16: 2e-3, int8: 0.05, int4: 0.4 };

/** Gradients pass through all layers once more. */
const GRADIENTS = 4;
/** T5's attention is not scaled: with random weights it multiplies what its inputs lose. */
const UNSCALED = 20;
const BEFORE_T5 = /^(?:pixel_values|input_ids|vision|qformer|interpolated|language_projection)\b/;

/**
 * Holds a folder, whose weights are quantized first, against its golden values, with tolerances for that. Ids and texts are
 * reported and do not fail: with random weights, the best token is hardly better than the next. What comes out of a random T5 is
 * compared in half precision alone: 8 bits are too few for its unscaled attention.
 */
export async function verifyQuantized(
  folder: string,
  quantize: Quantization,
  { photos = join(resolve(folder), '..', 'photos') }: VerifyOptions = {},
): Promise<Report> {
  const temporary = await mkdtemp(join(tmpdir(), 'blip2-verify-'));
  try {
    const out = join(temporary, basename(resolve(folder)));
    await convertModel(folder, out, { quantize });
    for (const file of [GOLDEN, 'golden.safetensors']) await cp(join(folder, file), join(out, file));
    const { rows, ...report } = await verifyFolder(out, { photos });
    const allowed = rows.map((row) => loosened(row, { quantize, kind: report.kind }));
    const count = (status: Row['status']): number => allowed.filter((row) => row.status === status).length;
    return { ...report, folder, rows: allowed, passed: count('pass'), failed: count('fail'), skipped: count('skip') };
  } finally {
    await rm(temporary, { recursive: true });
  }
}

interface Loosening {
  readonly quantize: Quantization;
  readonly kind: string;
}

function loosened(row: Row, { quantize, kind }: Loosening): Row {
  const { name, status, absolute, relative, tolerance } = row;
  if (Number.isNaN(relative)) return row;
  if (tolerance === 0) return status === 'fail' ? { ...row, status: 'skip' } : row;
  const unscaled = ['t5', 'instruct'].includes(kind) && !BEFORE_T5.test(name);
  if (unscaled && quantize !== 'f16') return { ...row, status: 'skip', tolerance: Number.NaN };
  const share = shares[quantize] * (unscaled ? UNSCALED : name.startsWith('grad.') ? GRADIENTS : 1);
  const largest = relative > 0 ? absolute / relative : 0;
  return { ...row, status: relative <= share ? 'pass' : 'fail', tolerance: share * largest };
}
