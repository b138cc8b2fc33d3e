import { openSafetensors, writeSafetensors } from '@blip2/tensor/safetensors';
import {
  compose,
  type InitialModel,
  initializeStage2,
  type Parts,
  standardizeVision,
  trainStage1,
  trainStage2,
} from '@blip2/training';
import { type Stage1Scores, type Stage2Scores, scoreStage1, scoreStage2, watchStage2 } from './evaluate.js';
import type { Shared } from './open.js';
import { configOf } from './scale.js';
import type { Setup, Stage2Loss } from './table.js';

/** The losses of some steps, each the mean of the steps since the one before. */
export type Curve = readonly { readonly step: number; readonly losses: Readonly<Record<string, number>> }[];

/** A training of stage 1 with its scores. */
export interface Stage1Run extends Stage1Scores {
  readonly curve: Curve;
  /** CPU time of training and evaluation. */
  readonly seconds: number;
}

/** A training of stage 2 with its scores. */
export interface Stage2Run extends Stage2Scores {
  readonly curve: Curve;
  /** VQA accuracy on known scenes while it was trained, where it was watched. */
  readonly watched: readonly { readonly step: number; readonly accuracy: number }[];
  readonly seconds: number;
}

/** What a run is made of. */
export interface RunOf {
  readonly setup: Setup;
  readonly seed: number;
}

/** Trains and evaluates stage 1, and writes its weights to a file. */
export async function runStage1(shared: Shared, { setup, seed }: RunOf, file: string): Promise<Stage1Run> {
  const timer = cpuTimer();
  const config = configOf(shared.scale, seed);
  const data = await shared.data(seed);
  using parts = await composed(shared, { setup, seed });
  const curve = curveOf(shared.scale.stage1);
  const { steps, learningRate, minLearningRate, warmupSteps, weightDecay, betas, maxGradNorm } = config.stage1;
  const options = {
    ...{ steps, learningRate, minLearningRate, warmupSteps, weightDecay, betas },
    data: data.stage1,
    standardizeVision: () => data.sampleFeatures(),
    ablation: setup.ablation,
    trainer: maxGradNorm === null ? {} : { maxGradNorm },
  };
  for await (const { step, losses } of trainStage1(parts, options)) curve.add(step, losses);
  await writeSafetensors(
    file,
    Object.entries(parts.stage1).map(([name, tensor]) => ({
      name,
      shape: tensor.shape,
      dtype: 'F32' as const,
      data: tensor.dataSync<'float32'>(),
    })),
  );
  return { ...(await scoreStage1(parts, shared)), curve: curve.steps, seconds: timer() };
}

/** How stage 2 is trained. */
export interface Stage2Options {
  readonly loss: Stage2Loss;
  /** Stage 1's weights. Without them stage 2 starts from a Q-Former as it is initialized, `ln_vision` included. */
  readonly file: string | undefined;
  /** Whether VQA accuracy is measured while it is trained. */
  readonly watch: boolean;
}

/** Trains and evaluates stage 2. */
export async function runStage2(
  shared: Shared,
  { setup, seed }: RunOf,
  { loss, file, watch }: Stage2Options,
): Promise<Stage2Run> {
  const timer = cpuTimer();
  const config = configOf(shared.scale, seed);
  const data = await shared.data(seed);
  using parts =
    file === undefined ? await composed(shared, { setup, seed }) : await loaded(shared, { setup, seed }, file);
  if (file === undefined) {
    const sample = await data.sampleFeatures();
    standardizeVision(parts, sample);
    sample.dispose();
  }
  initializeStage2(parts);
  const curve = curveOf(shared.scale.stage2);
  const watched: { step: number; accuracy: number }[] = [];
  const { steps, learningRate, minLearningRate, warmupSteps, weightDecay, betas, maxGradNorm } = config.stage2;
  const { phraseSteps, phraseWeight, projectionRateScale } = config.stage2;
  const options = {
    ...{ steps, learningRate, minLearningRate, warmupSteps, weightDecay, betas, projectionRateScale },
    // the batches before this position are of phrases alone
    data:
      loss === 'phrases'
        ? data.stage2
        : (at: Parameters<typeof data.stage2>[0]) => data.stage2({ ...at, position: at.position + phraseSteps }),
    phraseWeight: loss === 'phrases' ? phraseWeight : 0,
    trainer: maxGradNorm === null ? {} : { maxGradNorm },
  };
  const look = async (step: number): Promise<void> => {
    if (!watch || (step % shared.scale.watchEvery !== 0 && step !== steps)) return;
    watched.push({ step, accuracy: await watchStage2(parts, shared, data.prompts) });
  };
  await look(0);
  for await (const { step, losses } of trainStage2(parts, options)) {
    curve.add(step, losses);
    await look(step);
  }
  return { ...(await scoreStage2(parts, shared, data.prompts)), curve: curve.steps, watched, seconds: timer() };
}

/** Composes the parts of a setup as stage 1 begins, or as it left them. */
async function composed(shared: Shared, { setup, seed }: RunOf, stage1?: InitialModel): Promise<Parts> {
  const { encoder, tokenizer, bert, language, scale } = shared;
  const { dropout, ...sizes } = configOf(scale, seed).qformer;
  return compose({
    vision: encoder.vision,
    text: setup.bert && !stage1 ? bert : { tokenizer },
    language,
    qformer: { ...sizes, dropout, attentionDropout: dropout, queries: setup.queries },
    ...(stage1 && { initial: { stage1 } }),
    seed,
  });
}

async function loaded(shared: Shared, run: RunOf, file: string): Promise<Parts> {
  using template = await composed(shared, run);
  const weights = await openSafetensors(file);
  try {
    return await composed(shared, run, { config: template.config, weights });
  } finally {
    await weights.close();
  }
}

/** Points of a curve: no more than this, and enough to see its shape. */
const POINTS = 24;

function curveOf(steps: number) {
  const every = Math.max(1, Math.ceil(steps / POINTS));
  const points: { step: number; losses: Record<string, number> }[] = [];
  let sums: Record<string, number> = {};
  let count = 0;
  const add = (step: number, losses: Readonly<Record<string, number | undefined>>): void => {
    for (const [name, value = 0] of Object.entries(losses)) sums[name] = (sums[name] ?? 0) + value;
    count++;
    if (step % every !== 0 && step !== steps) return;
    const means = Object.entries(sums).map(([name, sum]) => [name, rounded(sum / count)]);
    points.push({ step, losses: Object.fromEntries(means) });
    sums = {};
    count = 0;
  };
  return { steps: points, add };
}

/** Four significant digits. */
export const rounded = (value: number): number => Number(value.toPrecision(4));

function cpuTimer(): () => number {
  const began = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(began);
    return rounded((user + system) / 1e6);
  };
}
