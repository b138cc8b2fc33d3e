import type { TrainStep } from '@blip2/trainer';

/** Receives the progress of a run, for a terminal or a log. */
export interface Reporter {
  /** Called with the progress of a task: `done` of `total` items, such as images encoded. */
  progress(task: string, done: number, total: number): void;
  /** Called after each training step of a stage, with the number of images that it trained on. */
  step(stage: 1 | 2, step: TrainStep & { readonly images: number }): void;
  /** Called with a message for the user. */
  note(text: string): void;
}

/** A reporter that reports nothing. */
export const silent: Reporter = { progress() {}, step() {}, note() {} };
