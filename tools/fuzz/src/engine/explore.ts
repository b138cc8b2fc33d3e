import { random } from '../mutate/random.js';
import type { Target } from '../target.js';
import { attempt } from './attempt.js';
import type { Coverage } from './coverage.js';

/**
 * Asking V8 costs as much as many inputs: only where a batch has brought something new is it halved until those are found
 * that did.
 */
const BATCH = 64;
/** What costs much is to cost it of a small file. */
const LARGEST = 2 ** 18;

export interface ExploreOptions {
  readonly seed: number;
  /** Inputs to try. */
  readonly inputs: number;
  /** When to stop at the latest, by the clock. */
  readonly until: number;
  readonly corpus: readonly Uint8Array[];
  readonly coverage?: Coverage;
  /** Called before an input is read, or read again to see what it reaches. */
  readonly onInput?: (input: Uint8Array, again: boolean) => void;
  readonly onLoaded?: () => void;
  readonly onFinding?: (finding: string, input: Uint8Array) => void;
  /** Called with an input that has reached new code. */
  readonly onNew?: (input: Uint8Array) => void;
}

export interface Explored {
  readonly inputs: number;
  readonly loaded: number;
  readonly refused: number;
}

/**
 * Changes files at random and keeps those that reach code which no other has reached, to change them further.
 * Deterministic by the seed, except for where the clock ends it.
 */
export async function explore(target: Target, options: ExploreOptions): Promise<Explored> {
  const { coverage, onInput, onLoaded, onFinding, onNew } = options;
  const chance = random(options.seed);
  const corpus = [...options.corpus];
  const whole: Uint8Array[] = []; // those that load: what is changed once more is then not refused for its old faults
  let [loaded, refused] = [0, 0];
  const read = async (input: Uint8Array): Promise<boolean> => {
    onInput?.(input, false);
    const { loaded: fits, finding } = await attempt(target, input);
    if (finding !== undefined) onFinding?.(finding, input);
    if (fits) loaded++;
    else refused++;
    if (fits) onLoaded?.();
    return fits;
  };
  for (const input of corpus) if (await read(input)) whole.push(input);
  coverage?.grown();
  while (loaded + refused < options.inputs && Date.now() < options.until) {
    const batch = Array.from({ length: Math.min(BATCH, options.inputs - loaded - refused) }, () => {
      const recent = chance.chance(0.5) ? corpus.slice(-32) : corpus; // the newest are the deepest
      const old = chance.pick(whole.length > 0 && chance.chance(0.6) ? whole : recent);
      const changed = target.mutate(old, chance, chance.pick(corpus));
      return changed.length <= LARGEST ? changed : old;
    });
    for (const input of batch) await read(input);
    if (!coverage?.peek()) continue;
    await narrow(batch, async (part) => {
      let fits = false;
      for (const input of part) {
        onInput?.(input, true);
        fits = (await attempt(target, input)).loaded;
      }
      if (part.length > 1) return coverage.peek();
      if (!coverage.grown()) return false;
      corpus.push(...part);
      if (fits) whole.push(...part);
      for (const input of part) onNew?.(input);
      return true;
    });
  }
  return { inputs: loaded + refused, loaded, refused };
}

/** Halves a list again and again, as long as there is something in a half. */
async function narrow<T>(list: readonly T[], has: (part: readonly T[]) => Promise<boolean>): Promise<void> {
  if (!(await has(list)) || list.length === 1) return;
  const middle = Math.ceil(list.length / 2);
  await narrow(list.slice(0, middle), has);
  await narrow(list.slice(middle), has);
}
