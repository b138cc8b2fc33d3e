import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeReport } from '@blip2/report';
import {
  type CustomVision,
  type EvalSummary,
  evaluate,
  METRICS,
  type Reporter,
  readMetrics,
  runTrain,
  type StageSummary,
  summarize,
  withEvaluation,
  withVision,
} from '@blip2/runs';
import { isFile } from '@blip2/tensor/files';
import { currentBackend } from '@blip2/training';
import { type EmojiConfig, emojiConfigs } from './config.js';
import { emojiData } from './emoji-data.js';
import { reportData } from './report-data.js';

export interface DemoOptions {
  /** The folder that everything is written to. */
  readonly out: string;
  /** A preset of `emojiConfigs`. Default `demo`. */
  readonly preset?: string;
  readonly seed?: number;
  /** In place of the encoder that the preset names; borrowed. */
  readonly vision?: CustomVision | undefined;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/** What `blip2 demo --json` prints. */
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
 * Trains both stages on emoji, evaluates the result on drawings never seen, and writes a report.
 * An interrupted run of the same configuration is resumed; what a finished or another run wrote is removed first.
 */
export async function runDemo(options: DemoOptions): Promise<DemoSummary> {
  const { out, preset = 'demo', seed, vision, reporter, signal } = options;
  const started = performance.now();
  const config = withVision({ ...emojiConfigs.preset(preset), ...(seed === undefined ? {} : { seed }) }, vision);
  const resume = await wasInterrupted(out, config);
  if (!resume) for (const written of WRITTEN) await rm(join(out, written), { recursive: true, force: true });
  await runTrain(config, { data: emojiData, out, vision, resume, reporter, signal });
  const steps = await readMetrics(out, config.stage1.steps);
  const evaluated = { model: out, data: emojiData, vision, reporter, signal };
  return withEvaluation(evaluated, async (context) => {
    const evaluation = await evaluate(context, evaluated);
    const seconds = (performance.now() - started) / 1000;
    const report = join(out, REPORT);
    const made = { seconds, preset, threads: currentBackend().threads ?? 1 };
    await writeReport(report, await reportData({ context, evaluation, steps, made }));
    reporter.note(`The report is ${report}.`);
    return { stage1: summarize(steps, 1), stage2: summarize(steps, 2), ...evaluation.summary, seconds, report };
  });
}

async function wasInterrupted(out: string, config: EmojiConfig): Promise<boolean> {
  if (await isFile(join(out, REPORT))) return false;
  const stored = await readFile(join(out, 'config.json'), 'utf8').catch(() => '{}');
  return JSON.stringify(JSON.parse(stored)) === JSON.stringify(config);
}
