import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainStep } from '@blip2/trainer';

/** A logged step; `step` counts within its stage. */
export type LoggedStep = TrainStep & { readonly stage: 1 | 2 };

export const METRICS = 'metrics.jsonl';

/** Every step that a run has logged, those before a resume included. The file counts the steps of both stages through. */
export async function readMetrics(out: string, stage1Steps: number): Promise<LoggedStep[]> {
  const text = await readFile(join(out, METRICS), 'utf8');
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const logged = JSON.parse(line) as LoggedStep;
    return logged.stage === 1 ? logged : { ...logged, step: logged.step - stage1Steps };
  });
}

export interface StageSummary {
  readonly steps: number;
  readonly seconds: number;
  /** Of the last step. */
  readonly losses: Record<string, number>;
}

/** One stage's steps in short. */
export function summarize(logged: readonly LoggedStep[], stage: 1 | 2): StageSummary {
  const steps = logged.filter((step) => step.stage === stage);
  const seconds = steps.reduce((sum, step) => sum + step.seconds, 0);
  const last = steps.at(-1);
  return { steps: last?.step ?? 0, seconds, losses: last?.losses ?? {} };
}
