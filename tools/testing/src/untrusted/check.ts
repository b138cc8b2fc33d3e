import fc from 'fast-check';
import { readsOrRefuses } from './clear.js';
import { mutatedJson } from './json.js';

/**
 * Reads many mutations of a file, each of which must be read or refused with one clear sentence, and none of which may
 * change what all code shares. Fails with the smallest mutation that does not hold.
 * @returns how many were read
 */
export async function checkMutations<T extends object>(
  valid: T,
  read: (mutated: T) => unknown,
  { runs, seed = 5 }: { readonly runs: number; readonly seed?: number },
): Promise<number> {
  const before = Reflect.ownKeys(Object.prototype).length;
  let whole = 0;
  await fc.assert(
    fc.asyncProperty(mutatedJson(valid), async (json) => {
      if (await readsOrRefuses(() => read(json))) whole++;
      if (Reflect.ownKeys(Object.prototype).length !== before) throw new Error('Object.prototype has changed.');
    }),
    { numRuns: runs, seed },
  );
  return whole;
}
