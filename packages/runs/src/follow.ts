import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Communicator, openMetrics, type TrainStep } from '@blip2/trainer';
import type { RunConfig } from './config/schema.js';
import { METRICS } from './metrics.js';
import type { Observers } from './observe/observer.js';
import type { Reporter } from './reporter.js';
import type { TrainingData } from './run-data.js';
import type { Selection } from './selection.js';

/** Options of `follow`. */
export interface FollowOptions {
  readonly config: RunConfig;
  /** The run's folder. */
  readonly out: string;
  readonly data: Pick<TrainingData, 'waited'>;
  readonly selection?: Selection | undefined;
  readonly maxSteps?: number | undefined;
  readonly reporter: Reporter;
  readonly observers: Observers;
  readonly signal?: AbortSignal | undefined;
  /** The processes that train together, of which the first alone writes. */
  readonly communicator: Communicator;
}

/** The number of steps after which the rate is reported: the first are slower. */
const WARM = 10;

/**
 * Runs the steps of a stage, logs them, and stops them where the selection does. Nothing is written before the first step: a
 * run that is refused changes nothing.
 * @returns whether any step was made, and whether the stage is at its end
 */
export async function follow(
  stage: 1 | 2,
  run: AsyncGenerator<TrainStep, void, void>,
  { config, out, data, selection, maxSteps, reporter, observers, signal, communicator }: FollowOptions,
): Promise<{ trained: boolean; finished: boolean }> {
  if (selection?.stopped) return { trained: false, finished: true };
  const before = stage === 1 ? 0 : config.stage1.steps;
  const { steps, batchSize, accumulationSteps } = stage === 1 ? config.stage1 : config.stage2;
  const images = batchSize * accumulationSteps;
  const writes = communicator.rank === 0;
  let metrics: Awaited<ReturnType<typeof openMetrics>> | undefined;
  let [made, seconds] = [0, 0];
  let waited = data.waited?.() ?? 0;
  for await (const step of run) {
    if (writes) metrics ??= await openLog(out, config, before + step.step - 1);
    const now = data.waited?.() ?? 0;
    const dataWait = (now - waited) / step.seconds;
    waited = now;
    await metrics?.append({ ...step, step: before + step.step, stage, ...(data.waited && { dataWait }) });
    await observers.step({ ...step, stage, images });
    reporter.step(stage, { ...step, images });
    reporter.progress(`training stage ${stage}`, step.step, steps);
    made++;
    if (made > 1) seconds += step.seconds;
    if (made === WARM && step.step < steps) {
      const each = seconds / (WARM - 1);
      const left = duration(each * (steps - step.step));
      reporter.note(`Stage ${stage}: ${(images / each).toPrecision(3)} images per second, ${left} left.`);
    }
    if (await selection?.after(step.step)) return { trained: true, finished: true };
  }
  signal?.throwIfAborted();
  return { trained: made > 0, finished: maxSteps === undefined || maxSteps >= steps };
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** Writes the configuration and opens the metrics, without the steps after `through`. */
async function openLog(out: string, config: RunConfig, through: number) {
  await mkdir(out, { recursive: true });
  await writeFile(join(out, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  return openMetrics(join(out, METRICS), { lastStep: through });
}
