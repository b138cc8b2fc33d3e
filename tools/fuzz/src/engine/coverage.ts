import { type Profiler, Session } from 'node:inspector';

type Measured = Pick<Profiler.ScriptCoverage, 'url' | 'functions'>;

/** Which scripts count: this workspace's packages, and the library that reads tokenizers. */
const isOurs = (url: string): boolean => /\/packages\/[\w-]+\/src\/|@huggingface\/tokenizers/.test(url);

/** What V8 has seen of the code since it was last asked, block by block. */
export interface Coverage {
  /** Whether something ran since the last question that had never run before. */
  peek(): boolean;
  /** Returns what is new, and counts it as run from now on. */
  grown(): boolean;
  /** Characters of source that have run. */
  readonly size: number;
}

/** V8's precise coverage of this thread. */
export function startCoverage(): Coverage {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  const seen = new Map<string, Uint8Array>();
  let size = 0;
  const take = (): Measured[] => {
    let found: Measured[] = [];
    session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error) throw error;
      found = result.filter(({ url }) => isOurs(url));
    });
    return found;
  };
  const news = (keep: boolean): boolean => {
    let found = 0;
    for (const script of take()) {
      const old = seen.get(script.url) ?? new Uint8Array();
      const { length, runs } = blocks(script, old.length);
      const known = new Uint8Array(length);
      known.set(old);
      for (let at = 0; at < length; at++) {
        if (runs[at] === 0 || known[at] === 1) continue;
        known[at] = 1;
        found++;
      }
      if (keep) seen.set(script.url, known);
    }
    if (keep) size += found;
    return found > 0;
  };
  return {
    peek: () => news(false),
    grown: () => news(true),
    get size() {
      return size;
    },
  };
}

/** Which characters of a script have run: ranges come outer before inner, and the inner ones say what is not so. */
function blocks({ functions }: Measured, least: number): { length: number; runs: Uint8Array } {
  const ranges = functions.flatMap((one) => one.ranges);
  const length = ranges.reduce((most, { endOffset }) => Math.max(most, endOffset), least);
  const runs = new Uint8Array(length);
  for (const { startOffset, endOffset, count } of ranges) runs.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  return { length, runs };
}
