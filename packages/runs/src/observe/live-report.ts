import { join } from 'node:path';
import { type ReportData, type RunProgress, writeReport } from '@blip2/report';
import { currentBackend } from '@blip2/training';
import type { LoggedStep } from '../metrics.js';
import type { ObservedStep, RunObserver } from './observer.js';

/** The file of a run's folder with its HTML report. */
export const REPORT = 'report.html';

/** Options of `liveReport`. */
export interface LiveReportOptions {
  /** The title of the page. Default `BLIP-2`. */
  readonly title?: string;
  /** The name of the run's configuration. */
  readonly preset: string;
  /** The least time in seconds between two versions. Default 20; a version is also written at most a fiftieth of the time. */
  readonly every?: number;
  /** A clock in seconds. Default: the system's. */
  readonly now?: () => number;
}

/** The share of the time that writing versions may take. */
const SHARE = 0.02;
/** The steps by whose mean time the time left is estimated. */
const RECENT = 20;

/**
 * Creates an observer that writes the report of a run, `OUT/report.html`, again and again while it goes on: losses, learning
 * rates, how far it is, and the last scores on held-out data. A browser that shows the page loads each version by itself.
 */
export function liveReport({
  title = 'BLIP-2',
  preset,
  every = 20,
  now = () => performance.now() / 1000,
}: LiveReportOptions): RunObserver {
  return ({ out, config, before }) => {
    const steps: LoggedStep[] = [...before];
    const notes = new Map<1 | 2, string>();
    let next = Number.NEGATIVE_INFINITY;
    const totalOf = (stage: 1 | 2): number => (stage === 1 ? config.stage1 : config.stage2).steps;
    const write = (running: boolean): Promise<void> =>
      writeReport(join(out, REPORT), {
        title,
        run: {
          seconds: steps.reduce((sum, { seconds }) => sum + seconds, 0),
          threads: currentBackend().threads ?? 1,
          backend: currentBackend().name,
          node: process.version,
          preset,
          progress: progressOf(steps, { totalOf, running }),
        },
        curves: curvesOf(steps),
        vqa: [],
        questions: [],
        attention: [],
        notes: [...notes.values()],
      });
    return {
      async step(step) {
        steps.push(step);
        const start = now();
        if (start < next) return;
        await write(true);
        next = now() + Math.max(every, (now() - start) / SHARE);
      },
      scores({ stage, step }, scores) {
        const texts = Object.entries(scores).map(([name, value]) => `${name} ${Number(value.toPrecision(3))}`);
        notes.set(stage, `On held-out data after step ${step} of stage ${stage}: ${texts.join(', ')}.`);
      },
      close: () => (steps.length > 0 ? write(false) : undefined),
    };
  };
}

/** Groups logged steps by stage, as the curves of a report; a stage without steps has none. */
export const curvesOf = (steps: readonly LoggedStep[]): ReportData['curves'] =>
  ([1, 2] as const)
    .map((stage) => ({ stage, steps: steps.filter((logged) => logged.stage === stage) }))
    .filter((curve) => curve.steps.length > 0);

/** How far a run is; undefined where its last stage has ended. */
function progressOf(
  steps: readonly Pick<ObservedStep, 'stage' | 'step' | 'seconds'>[],
  { totalOf, running }: { totalOf: (stage: 1 | 2) => number; running: boolean },
): RunProgress | undefined {
  const last = steps.at(-1);
  if (!last) return undefined;
  const { stage, step: done } = last;
  const total = totalOf(stage);
  if (!running) return done < total ? { stage, done, total } : undefined;
  const recent = steps.filter((one) => one.stage === stage).slice(-RECENT);
  const each = recent.reduce((sum, { seconds }) => sum + seconds, 0) / recent.length;
  return { stage, done, total, secondsLeft: each * (total - done) };
}
