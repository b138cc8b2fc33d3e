import type { RunConfig } from '../config/schema.js';
import { type LoggedStep, readMetrics } from '../metrics.js';

/** A step of a run as observers get it. */
export type ObservedStep = LoggedStep & {
  /** The images that the step trained on. */
  readonly images: number;
};

/** What an observer is told when a run begins or is resumed. */
export interface ObservedRun {
  /** The folder of the run. */
  readonly out: string;
  readonly config: RunConfig;
  /** The steps that were logged before the run was resumed. */
  readonly before: readonly LoggedStep[];
}

/** Follows one run: each call is awaited before the next step. */
export interface StepObserver {
  /** Called after each step of a stage, when `metrics.jsonl` has it. */
  step(step: ObservedStep): void | Promise<void>;
  /** Called with what was measured on held-out data after a step. */
  scores?(at: Pick<ObservedStep, 'stage' | 'step'>, scores: Readonly<Record<string, number>>): void | Promise<void>;
  /** Called at the end, also of a run that is stopped or fails. */
  close?(): void | Promise<void>;
}

/** Opens an observer for a run, just before its first step is reported; a run that is refused opens none. */
export type RunObserver = (run: ObservedRun) => StepObserver | Promise<StepObserver>;

/** The observers of a run as one, which opens them at the first step. */
export type Observers = {
  readonly [Name in keyof StepObserver]-?: (...args: Parameters<Required<StepObserver>[Name]>) => Promise<void>;
};

/** Joins observers. */
export function joinObservers(
  observers: readonly RunObserver[],
  { out, config }: Pick<ObservedRun, 'out' | 'config'>,
): Observers {
  const opened: StepObserver[] = [];
  let first = true;
  const open = async (at: Pick<ObservedStep, 'stage' | 'step'>): Promise<void> => {
    if (!first) return;
    first = false;
    if (observers.length === 0) return;
    const logged = await readMetrics(out, config.stage1.steps);
    const before = logged.filter(({ stage, step }) => stage < at.stage || (stage === at.stage && step < at.step));
    for (const observer of observers) opened.push(await observer({ out, config, before }));
  };
  return {
    async step(step) {
      await open(step);
      for (const one of opened) await one.step(step);
    },
    async scores(at, scores) {
      await open(at);
      for (const one of opened) await one.scores?.(at, scores);
    },
    async close() {
      for (const one of opened.splice(0)) await one.close?.();
    },
  };
}

/** The place of a step among those of both stages, as `metrics.jsonl` and TensorBoard number them. */
export const globalStep = (
  { stage, step }: Pick<LoggedStep, 'stage' | 'step'>,
  { stage1 }: Pick<RunConfig, 'stage1'>,
): number => (stage === 1 ? step : stage1.steps + step);
