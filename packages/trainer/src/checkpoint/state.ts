import type { CheckpointFiles } from './files.js';
import { type FoundCheckpoint, STATE } from './find.js';

/** The settings that a resumed run must share with the one that wrote the checkpoint. */
export interface RunIdentity {
  /**
   * The number of processes; absent for one. Another number may resume: sums are then rounded otherwise, so that threads and
   * instructions of the machine need not be the same either.
   */
  readonly processes?: number;
  readonly seed: number;
  readonly accumulationSteps: number;
  readonly maxGradNorm: number | null;
  /** The learning rate of the next update, by which another schedule is detected. */
  readonly nextLr: number;
  /** Hyperparameters of the optimizer. */
  readonly optimizer: Readonly<Record<string, number | string>>;
  /** Backend, TensorFlow.js version, and what `environment` of `train` adds. */
  readonly environment: Readonly<Record<string, number | string>>;
}

/**
 * The content of `state.json`. `step` and `seed` determine the position in the data and all random numbers, as batches and
 * seeds are functions of these two.
 */
export interface RunState extends RunIdentity {
  readonly format: 1;
  /** Number of updates so far. */
  readonly step: number;
  /** Number of updates of each tensor. */
  readonly updates: Readonly<Record<string, number>>;
}

/** Reads the state of a checkpoint. @throws for a file that is malformed or of another step */
export async function readState({ path, step }: FoundCheckpoint, files: CheckpointFiles): Promise<RunState> {
  const file = `${path}/${STATE}`;
  let state: Partial<RunState>;
  try {
    state = JSON.parse(await files.readText(file)) as Partial<RunState>;
  } catch (cause) {
    throw new Error(`${file} is not readable JSON; remove that checkpoint to use the one before.`, { cause });
  }
  const whole = state && isRecord(state.updates) && isRecord(state.optimizer) && isRecord(state.environment);
  if (!whole || state.format !== 1 || state.step !== step) {
    throw new Error(
      `${file} is not the state of step ${step} in format 1; remove that checkpoint to use the one before.`,
    );
  }
  return state as RunState;
}

const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Describes all differences between the settings of two runs, in words. */
export function differences(then: RunIdentity, now: RunIdentity): string[] {
  const before = settings(then);
  const after = settings(now);
  const rounded = (then.processes ?? 1) === (now.processes ?? 1) ? [] : OF_THE_MACHINE;
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((name) => !rounded.includes(name))
    .filter((name) => before[name] !== after[name])
    .map((name) => `${name} was ${shown(before[name])} and is ${shown(after[name])}`);
}

/** What of an environment changes the rounding of sums, and nothing else. */
const OF_THE_MACHINE: readonly string[] = ['threads', 'relaxedSimd'];

function settings({
  seed,
  accumulationSteps,
  maxGradNorm,
  nextLr,
  optimizer,
  environment,
}: RunIdentity): Record<string, unknown> {
  const named = Object.entries(optimizer).map(([name, value]) => [`optimizer.${name}`, value]);
  return {
    seed,
    accumulationSteps,
    maxGradNorm,
    'next learning rate': nextLr,
    ...Object.fromEntries(named),
    ...environment,
  };
}

const shown = (value: unknown): string => (value === undefined ? 'not recorded' : JSON.stringify(value));
