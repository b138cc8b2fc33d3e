import type { CheckpointFiles } from './files.js';
import { type FoundCheckpoint, STATE } from './find.js';

/** What a resumed run must share with the one that wrote the checkpoint, apart from tensors. */
export interface RunIdentity {
  readonly seed: number;
  readonly accumulationSteps: number;
  readonly maxGradNorm: number | null;
  /** The learning rate of the next update: another schedule shows here. */
  readonly nextLr: number;
  readonly optimizer: Readonly<Record<string, number | string>>;
  readonly environment: Readonly<Record<string, number | string>>;
}

/**
 * `state.json`. The position in the data and the state of all randomness are `step` and `seed`: batches and seeds are
 * functions of these two.
 */
export interface RunState extends RunIdentity {
  readonly format: 1;
  /** Updates made. */
  readonly step: number;
  /** Updates made of each tensor. */
  readonly updates: Readonly<Record<string, number>>;
}

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

/** Every way in which two runs differ, in words. */
export function differences(then: RunIdentity, now: RunIdentity): string[] {
  const before = settings(then);
  const after = settings(now);
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((name) => before[name] !== after[name])
    .map((name) => `${name} was ${said(before[name])} and is ${said(after[name])}`);
}

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

const said = (value: unknown): string => (value === undefined ? 'not recorded' : JSON.stringify(value));
