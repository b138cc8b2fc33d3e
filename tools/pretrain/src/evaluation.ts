import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Writes what was measured of a model's weights as `evaluation.json` into its folder, with the SHA-256 of the weights: scores of
 * other weights are not taken for theirs. `partBounds` of `@blip2/demo` reads it.
 */
export async function writeEvaluation<T extends object>(folder: string, scores: T): Promise<T> {
  const weights = createHash('sha256').update(await readFile(join(folder, 'model.safetensors')));
  const path = join(folder, 'evaluation.json');
  await writeFile(`${path}.tmp`, `${JSON.stringify({ weights: weights.digest('hex'), ...scores }, null, 2)}\n`);
  await rename(`${path}.tmp`, path);
  return scores;
}
