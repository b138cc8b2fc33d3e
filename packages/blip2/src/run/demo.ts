import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, preset } from '../config.js';
import { isFile } from '../model/files.js';
import { writeReport } from '../report/index.js';
import { environment } from './environment.js';
import { type EvalSummary, evaluate, withTest } from './eval.js';
import { METRICS, readMetrics, type StageSummary, summarise } from './metrics.js';
import { reportData } from './report-data.js';
import type { Reporter } from './reporter.js';
import { runTrain } from './train.js';
import { type OwnVision, withVision } from './vision.js';

export interface DemoOptions {
  readonly out: string;
  /** Which configuration. Default `demo`. */
  readonly preset?: string;
  readonly seed?: number;
  /** Looks in place of the encoder that the preset names; borrowed. */
  readonly vision?: OwnVision | undefined;
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

const REPORT = 'report.html';
/** Everything that a run writes into its folder. */
const WRITTEN = ['checkpoints', 'stage1', 'stage2', METRICS, 'config.json', REPORT];

/**
 * The main job: trains both stages on emoji, scores the result on drawings never seen, and writes a report.
 * A run of the same configuration that was stopped goes on; what a finished or another run wrote is removed first.
 */
export async function runDemo(options: DemoOptions): Promise<DemoSummary> {
  const { out, preset: name = 'demo', seed, vision, reporter, signal } = options;
  const started = performance.now();
  const config = withVision({ ...preset(name), ...(seed === undefined ? {} : { seed }) }, vision);
  const resume = await wasStopped(out, config);
  if (!resume) for (const written of WRITTEN) await rm(join(out, written), { recursive: true, force: true });
  await runTrain(config, { out, vision, resume, reporter, signal });
  const steps = await readMetrics(out, config.stage1.steps);
  const scored = { model: out, data: 'emoji', vision, reporter, signal };
  return withTest(scored, async (test) => {
    const evaluation = await evaluate(test, scored);
    const seconds = (performance.now() - started) / 1000;
    const report = join(out, REPORT);
    const made = { seconds, preset: name, ...environment() };
    await writeReport(report, await reportData({ test, evaluation, steps, made }));
    reporter.note(`The report is ${report}.`);
    return { stage1: summarise(steps, 1), stage2: summarise(steps, 2), ...evaluation.summary, seconds, report };
  });
}

async function wasStopped(out: string, config: Config): Promise<boolean> {
  if (await isFile(join(out, REPORT))) return false;
  const stored = await readFile(join(out, 'config.json'), 'utf8').catch(() => '{}');
  return JSON.stringify(JSON.parse(stored)) === JSON.stringify(config);
}
