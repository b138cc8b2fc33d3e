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
  /** Only collects the results that are there, and trains nothing. Default false. */
  readonly collect?: boolean;
  readonly reporter?: Reporter;
}

/**
 * Runs configurations with every seed, all of a seed before the next, and gives their results in that order. Each stage is
 * kept in a file of its own when it is done, so that a run that was killed goes on after the last; stage 1 is trained once for
 * all that start from it.
 */
export async function ablate(options: AblateOptions): Promise<Results> {
  const { configurations, seeds, scale, out, threads, collect = false, reporter = silent } = options;
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
        const unit = { configuration, seed, scale };
        const stages = [
          ...(configuration.stage1 ? [stage1(unit)] : []),
          ...configuration.stage2.map((loss) => stage2(unit, loss)),
        ];
        for (const stage of stages) {
          const found = await stage.find(store);
          const result = found ?? (collect ? undefined : await stage.run(store, await open()));
          if (!result) continue;
          results.push({ ...result, name: configuration.name });
          if (!found) reporter.note(`${configuration.name}, seed ${seed}: ${stage.name} (${result.seconds} s)`);
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

/** The training of a stage: found in a store, or run and kept there. */
interface Stage {
  readonly name: string;
  find(store: Store): Promise<Result | undefined>;
  run(store: Store, shared: Shared): Promise<Result>;
}

function stage1(unit: Unit): Stage {
  const { name, setup } = unit.configuration;
  const identity = stage1Identity(unit);
  return {
    name: 'stage 1',
    async find(store) {
      // stage 2 starts from its weights
      return (await isFile(store.weights(identity))) ? store.read(identity) : undefined;
    },
    async run(store, shared) {
      const run = await runStage1(shared, { setup, seed: unit.seed }, store.weights(identity));
      const result = resultSchema.parse({ stage: 1, name, seed: unit.seed, ...run });
      await store.write(identity, result);
      return result;
    },
  };
}

function stage2(unit: Unit, loss: Stage2Loss): Stage {
  const { configuration, seed, scale } = unit;
  const { name, setup, watch } = configuration;
  const start = configuration.stage1 ? stage1Identity(unit) : undefined;
  const identity = { stage: 2, start: start ?? { setup, seed }, loss, watch, scale };
  return {
    name: `stage 2, ${loss}`,
    find: (store) => store.read(identity),
    async run(store, shared) {
      const run = await runStage2(shared, { setup, seed }, { loss, file: start && store.weights(start), watch });
      const result = resultSchema.parse({ stage: 2, name, loss, seed, ...run });
      await store.write(identity, result);
      return result;
    },
  };
}
