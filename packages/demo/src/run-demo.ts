import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bounds, writeReport } from '@blip2/report';
import {
  type CustomVision,
  type EvalSummary,
  evaluate,
  liveReport,
  METRICS,
  REPORT,
  type Reporter,
  readMetrics,
  runTrain,
  type StageSummary,
  silent,
  summarize,
  TENSORBOARD,
  tensorBoard,
  withEvaluation,
  withVision,
} from '@blip2/runs';
import { isFile, toPath } from '@blip2/tensor/files';
import { currentBackend } from '@blip2/training';
import { partBounds } from './bounds.js';
import { type EmojiConfig, emojiConfigs } from './config.js';
import { emojiData } from './emoji-data.js';
import { reportData, TITLE } from './report-data.js';

/** Options of `runDemo`. */
export interface DemoOptions {
  /** The folder for checkpoints, models and the report: a path or a `file:` URL. */
  readonly out: string | URL;
  /** A preset of `emojiConfigs`. Default `demo`. */
  readonly preset?: string;
  /** Random seed. Default: that of the preset. */
  readonly seed?: number;
  /** An image encoder in place of the one that the preset names; it is borrowed. */
  readonly vision?: CustomVision | undefined;
  /** Default: reports nothing. */
  readonly reporter?: Reporter;
  /** Stops after a step; the next call with the same options resumes the run. */
  readonly signal?: AbortSignal | undefined;
}

/** The scores of a demo run, as `blip2 demo --json` prints them. */
export interface DemoSummary extends EvalSummary {
  readonly stage1: StageSummary;
  readonly stage2: StageSummary;
  /** What the frozen parts reach alone; see `partBounds`. */
  readonly bounds: Bounds;
  readonly seconds: number;
  /** The path of the HTML report. */
  readonly report: string;
}

/** The scores of a finished run. */
const SCORES = 'scores.json';
/** What a run writes into its folder. */
const WRITTEN = ['checkpoints', 'stage1', 'stage2', METRICS, TENSORBOARD, 'config.json', REPORT, SCORES];

/**
 * Trains both stages on emoji, evaluates the models on drawings that training does not use, and writes an HTML report (also
 * while it goes on) and `scores.json`. An
 * interrupted run of the same configuration is resumed; what a finished or another run wrote is removed first.
 */
export async function runDemo(options: DemoOptions): Promise<DemoSummary> {
  const { preset = 'demo', seed, vision, reporter = silent, signal } = options;
  const out = toPath(options.out);
  const started = performance.now();
  const config = withVision({ ...emojiConfigs.preset(preset), ...(seed === undefined ? {} : { seed }) }, vision);
  const resume = await wasInterrupted(out, config);
  if (!resume) for (const written of WRITTEN) await rm(join(out, written), { recursive: true, force: true });
  const observers = [tensorBoard(), liveReport({ title: TITLE, preset })];
  await runTrain(config, { data: emojiData, out, vision, resume, observers, reporter, signal });
  const steps = await readMetrics(out, config.stage1.steps);
  const evaluated = { model: out, data: emojiData, vision, reporter, signal };
  return withEvaluation(evaluated, async (context) => {
    const evaluation = await evaluate(context, evaluated);
    const bounds = await partBounds(config);
    const seconds = (performance.now() - started) / 1000;
    const report = join(out, REPORT);
    const run = { seconds, preset, threads: currentBackend().threads ?? 1 };
    await writeReport(report, await reportData({ context, evaluation, bounds, steps, run }));
    reporter.note(`The report is ${report}.`);
    const stages = { stage1: summarize(steps, 1), stage2: summarize(steps, 2) };
    const summary = { ...stages, ...evaluation.summary, bounds, seconds, report };
    await writeScores(join(out, SCORES), summary);
    return summary;
  });
}

async function writeScores(path: string, summary: DemoSummary): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, `${JSON.stringify(summary, null, 2)}\n`);
  await rename(temporary, path);
}

async function wasInterrupted(out: string, config: EmojiConfig): Promise<boolean> {
  if (await isFile(join(out, SCORES))) return false;
  const stored = await readFile(join(out, 'config.json'), 'utf8').catch(() => '{}');
  return JSON.stringify(JSON.parse(stored)) === JSON.stringify(config);
}
