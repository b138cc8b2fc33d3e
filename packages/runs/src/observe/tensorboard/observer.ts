import { mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { globalStep, type ObservedStep, type RunObserver } from '../observer.js';
import { eventRecord, type TensorBoardEvent } from './event.js';

/** The folder of a run's folder that TensorBoard reads: `tensorboard --logdir OUT`. */
export const TENSORBOARD = 'tensorboard';

/** Options of `tensorBoard`. */
export interface TensorBoardOptions {
  /** The time in seconds since 1970. Default: the clock's. */
  readonly now?: () => number;
}

/**
 * Creates an observer that writes the steps of a run as event files of TensorBoard, into `OUT/tensorboard`: `stage1/loss/NAME`
 * of each loss term, `stage1/learning_rate`, `stage1/gradient_norm`, `stage1/images_per_second`, those of stage 2 likewise,
 * and scores on held-out data as `stage1/validation/NAME`. Steps are numbered through both stages. A resumed run begins
 * another file, at whose first step TensorBoard drops what was written later before.
 */
export function tensorBoard({ now = () => Date.now() / 1000 }: TensorBoardOptions = {}): RunObserver {
  return async ({ out, config }) => {
    const folder = join(out, TENSORBOARD);
    await mkdir(folder, { recursive: true });
    const file = await open(join(folder, await nextName(folder, now())), 'wx');
    let started = false;
    const write = async (...events: TensorBoardEvent[]): Promise<void> => {
      await file.appendFile(Buffer.concat(events.map(eventRecord)));
    };
    const scalars = async (at: Pick<ObservedStep, 'stage' | 'step'>, values: Readonly<Record<string, number>>) => {
      const [wallTime, step] = [now(), globalStep(at, config)];
      const head: TensorBoardEvent[] = [
        { wallTime, fileVersion: 'brain.Event:2' },
        { wallTime, step, sessionStart: true },
      ];
      const named = Object.entries(values).map(([tag, value]) => [`stage${at.stage}/${tag}`, value]);
      await write(...(started ? [] : head), { wallTime, step, scalars: Object.fromEntries(named) });
      started = true;
    };
    return {
      step: (step) => scalars(step, stepScalars(step)),
      scores: (at, scores) => scalars(at, prefixed('validation', scores)),
      close: () => file.close(),
    };
  };
}

const stepScalars = ({ losses, lr, gradNorm, images, seconds }: ObservedStep): Record<string, number> => ({
  ...prefixed('loss', losses),
  learning_rate: lr,
  gradient_norm: gradNorm,
  images_per_second: images / seconds,
});

const prefixed = (prefix: string, values: Readonly<Record<string, number | undefined>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[`${prefix}/${name}`, value]])),
  );

/** A name that TensorBoard reads after those that are there: it orders the files of a folder by their names. */
async function nextName(folder: string, seconds: number): Promise<string> {
  const last = (await readdir(folder)).flatMap((name) =>
    Number(/^events\.out\.tfevents\.(\d+)\./.exec(name)?.[1] ?? 0),
  );
  const time = Math.max(Math.floor(seconds), ...last.map((one) => one + 1));
  return `events.out.tfevents.${String(time).padStart(10, '0')}.blip2`;
}
