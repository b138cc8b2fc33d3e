import type { TrainStep } from '@blip2/trainer';

/** Where long work tells how it goes; the work knows nothing of terminals. */
export interface Reporter {
  /** `done` of `total` of something countable, such as images looked at. */
  progress(task: string, done: number, total: number): void;
  /** One update of the weights. */
  step(stage: 1 | 2, step: TrainStep): void;
  /** One line for a person. */
  note(text: string): void;
}

/** Tells nobody. */
export const silent: Reporter = { progress() {}, step() {}, note() {} };
