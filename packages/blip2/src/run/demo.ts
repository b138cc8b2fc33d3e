import { join } from 'node:path';
import { preset } from '../config.js';
import { writeReport } from '../report/index.js';
import { environment } from './environment.js';
import { type EvalSummary, evaluate, withTest } from './eval.js';
import { reportData } from './report-data.js';
import type { Reporter } from './reporter.js';
import { runTrain, type StageSummary } from './train.js';

export interface DemoOptions {
  readonly out: string;
  /** Which configuration. Default `demo`. */
  readonly preset?: string;
  readonly seed?: number;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/** What `--json` prints. */
export interface DemoSummary extends EvalSummary {
  readonly stage1: StageSummary;
  readonly stage2: StageSummary;
  readonly seconds: number;
  /** The HTML report's path. */
  readonly report: string;
}

/** The main job: trains both stages on emoji, scores the result on drawings never seen, and writes a report. */
export async function runDemo({
  out,
  preset: name = 'demo',
  seed,
  reporter,
  signal,
}: DemoOptions): Promise<DemoSummary> {
  const started = performance.now();
  const config = { ...preset(name), ...(seed === undefined ? {} : { seed }) };
  const trained = await runTrain(config, { out, reporter, signal });
  const options = { model: out, data: 'emoji', reporter, signal };
  return withTest(options, async (test) => {
    const evaluation = await evaluate(test, options);
    const seconds = (performance.now() - started) / 1000;
    const report = join(out, 'report.html');
    const made = { seconds, preset: name, ...environment() };
    await writeReport(report, await reportData({ test, evaluation, steps: trained.steps, made }));
    reporter.note(`The report is ${report}.`);
    const { stage1, stage2 } = trained;
    return { stage1: stage1 as StageSummary, stage2: stage2 as StageSummary, ...evaluation.summary, seconds, report };
  });
}
