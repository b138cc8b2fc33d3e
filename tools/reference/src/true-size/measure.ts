import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bytesOf, evict, weightFiles } from './files.js';
import type { LoadSample, Sample } from './sample.js';

/** Options of `measureLoading`. */
export interface MeasureOptions {
  /** Pairs of samples. Default 3. */
  readonly pairs?: number | undefined;
  /** Whether the files are read from the disk rather than the system's cache. Default true, where the system can forget files. */
  readonly cold?: boolean | undefined;
  /** Tokens of the caption with which the memory is measured. Default 20. */
  readonly tokens?: number | undefined;
  /** Beams of the caption. Default 1. */
  readonly beams?: number | undefined;
}

/** What loading a folder takes, beside plain reads of its files. */
export interface Measured {
  /** Of the files of weights. */
  readonly bytes: number;
  /** Whether the files were read from the disk. */
  readonly cold: boolean;
  readonly read: readonly Sample[];
  readonly load: readonly LoadSample[];
  /** Speed of loading as a share of that of plain reads: the median of the pairs. */
  readonly ratio: number;
}

const run = promisify(execFile);
const program = fileURLToPath(new URL('./sample.ts', import.meta.url));

async function sample<T>(what: 'read' | 'load', folder: string, options: readonly string[]): Promise<T> {
  const args = ['--conditions=@blip2/source', '--import', 'tsx', program, what, folder, ...options];
  const { stdout } = await run(process.execPath, args);
  return JSON.parse(stdout.trim().split('\n').at(-1) as string) as T;
}

/**
 * Measures how fast a model's folder is loaded, beside plain reads of its files: in pairs, each sample in a process of its own, and how
 * much memory it takes until an image has been captioned (generation) or matched (retrieval).
 */
export async function measureLoading(folder: string, options: MeasureOptions = {}): Promise<Measured> {
  const { pairs = 3, tokens = 20, beams = 1 } = options;
  const files = await weightFiles(folder);
  const [read, load]: [Sample[], LoadSample[]] = [[], []];
  let cold = options.cold ?? true;
  for (let pair = 0; pair < pairs; pair++) {
    // Each begins as often: the first of a pair may find the machine in another state.
    for (const what of pair % 2 === 0 ? (['read', 'load'] as const) : (['load', 'read'] as const)) {
      cold &&= evict(files);
      if (what === 'read') read.push(await sample('read', folder, []));
      else load.push(await sample('load', folder, ['--tokens', `${tokens}`, '--beams', `${beams}`]));
    }
  }
  const ratios = read.map(({ seconds }, i) => seconds / (load[i] as LoadSample).seconds).sort((a, b) => a - b);
  return { bytes: await bytesOf(files), cold, read, load, ratio: ratios[Math.floor(ratios.length / 2)] as number };
}
