import type { TrainStep } from '@blip2/trainer';

/** Where long work tells how it goes; the work knows nothing of terminals. */
export interface Reporter {
  /** `done` of `total` of something countable, such as pictures looked at. */
  progress(task: string, done: number, total: number): void;
  /** One update of the weights. */
  step(stage: 1 | 2, step: TrainStep): void;
  /** One line for a person. */
  note(text: string): void;
}

/** Tells nobody. */
export const silent: Reporter = { progress() {}, step() {}, note() {} };

/** What all long work takes. */
export interface RunOptions {
  readonly reporter: Reporter;
  /** Stops the work: the call then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface TrainRunOptions extends RunOptions {
  /** The folder that checkpoints, metrics and models are written to. */
  readonly out: string;
  readonly stages: readonly (1 | 2)[];
  /** Goes on from the newest checkpoint. */
  readonly resume: boolean;
  /** Stops each stage after so many updates, though its schedule is longer. */
  readonly maxSteps?: number;
}

export interface EvalRunOptions extends RunOptions {
  /** A folder of a model, or the output of training. */
  readonly model: string;
  /** Which data: the name of a data set. */
  readonly data: string;
  readonly seed?: number;
}

export interface DemoRunOptions extends RunOptions {
  readonly out: string;
  readonly seed?: number;
}
