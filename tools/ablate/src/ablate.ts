import { type Reporter, silent } from '@blip2/runs';
import { isFile } from '@blip2/tensor/files';
import { openShared, type Shared } from './open.js';
import { type Result, type Results, resultSchema } from './results.js';
import type { Scale } from './scale.js';
import { openStore, type RunIdentity, type Store } from './store.js';
import type { Configuration, Stage2Loss } from './table.js';
import { runStage1, runStage2 } from './train.js';

/** Options of `ablate`. */
export interface AblateOptions {
  readonly configurations: readonly Configuration[];
  readonly seeds: readonly number[];
  readonly scale: Scale;
  /** The folder of results: what is there is not run again. */
  readonly out: string;
  /** Threads of the backend. */
  readonly threads: number;
  readonly reporter?: Reporter;
}

/**
 * Runs configurations with every seed, all of a seed before the next, and gives their results in that order. Each stage is
 * kept in a file of its own when it is done, so that a run that was killed goes on after the last; stage 1 is trained once for
 * all that start from it.
 */
export async function ablate(options: AblateOptions): Promise<Results> {
  const { configurations, seeds, scale, out, threads, reporter = silent } = options;
  const store = await openStore(out);
  const results: Result[] = [];
  let shared: Shared | undefined;
  const open = async (): Promise<Shared> => {
    shared ??= await openShared(scale, threads, reporter);
    return shared;
  };
  try {
    for (const seed of seeds) {
      for (const configuration of configurations) {
        const { name } = configuration;
        if (configuration.stage1) {
          const result = await stage1(store, open, { configuration, seed, scale });
          results.push(result);
          reporter.note(`${name}, seed ${seed}: stage 1 (${result.seconds} s)`);
        }
        for (const loss of configuration.stage2) {
          const result = await stage2(store, open, { configuration, seed, scale, loss });
          results.push(result);
          reporter.note(`${name}, seed ${seed}: stage 2, ${loss} (${result.seconds} s)`);
        }
      }
    }
  } finally {
    await shared?.close();
  }
  return { scale: { ...scale }, results };
}

interface Unit {
  readonly configuration: Configuration;
  readonly seed: number;
  readonly scale: Scale;
}

/** Of the scale, what stage 1 and its scores depend on. */
function stage1Identity({ configuration: { setup }, seed, scale }: Unit): RunIdentity {
  const { emoji, scenes, stage1, batchSize, candidates, matched } = scale;
  return { stage: 1, setup, seed, scale: { emoji, scenes, stage1, batchSize, candidates, matched } };
}

async function stage1(store: Store, open: () => Promise<Shared>, unit: Unit): Promise<Result> {
  const { configuration, seed } = unit;
  const { name, setup } = configuration;
  const identity = stage1Identity(unit);
  const found = await store.read(identity);
  if (found && (await isFile(store.weights(identity)))) return { ...found, name };
  const run = await runStage1(await open(), { setup, seed }, store.weights(identity));
  const result = resultSchema.parse({ stage: 1, name, seed, ...run });
  await store.write(identity, result);
  return result;
}

async function stage2(
  store: Store,
  open: () => Promise<Shared>,
  { loss, ...unit }: Unit & { readonly loss: Stage2Loss },
): Promise<Result> {
  const { configuration, seed, scale } = unit;
  const { name, setup, watch } = configuration;
  const start = configuration.stage1 ? stage1Identity(unit) : undefined;
  const identity = { stage: 2, start: start ?? { setup, seed }, loss, watch, scale };
  const found = await store.read(identity);
  if (found) return { ...found, name };
  const run = await runStage2(await open(), { setup, seed }, { loss, file: start && store.weights(start), watch });
  const result = resultSchema.parse({ stage: 2, name, loss, seed, ...run });
  await store.write(identity, result);
  return result;
}
