import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainStep } from '@blip2/trainer';

/** A logged step; `step` counts within its stage. */
export type LoggedStep = TrainStep & { readonly stage: 1 | 2 };

/** The file of a run's folder that logs its steps, one JSON object per line. */
export const METRICS = 'metrics.jsonl';

/**
 * Reads the logged steps of a run, including those before it was resumed.
 * @param out the run's folder
 * @param stage1Steps the steps of stage 1: the file numbers the steps of both stages consecutively
 */
export async function readMetrics(out: string, stage1Steps: number): Promise<LoggedStep[]> {
  const text = await readFile(join(out, METRICS), 'utf8');
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const logged = JSON.parse(line) as LoggedStep;
    return logged.stage === 1 ? logged : { ...logged, step: logged.step - stage1Steps };
  });
}

/** The training of one stage in numbers. */
export interface StageSummary {
  readonly steps: number;
  readonly seconds: number;
  /** The losses of the last step. */
  readonly losses: Record<string, number>;
}

/** Summarizes the logged steps of one stage. */
export function summarize(logged: readonly LoggedStep[], stage: 1 | 2): StageSummary {
  const steps = logged.filter((step) => step.stage === stage);
  const seconds = steps.reduce((sum, step) => sum + step.seconds, 0);
  const last = steps.at(-1);
  return { steps: last?.step ?? 0, seconds, losses: last?.losses ?? {} };
}
