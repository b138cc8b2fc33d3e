import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { emojiConfigs, emojiData } from '@blip2/demo';
import { frozenFolders, silent } from '@blip2/runs';
import { writeSafetensors } from '@blip2/tensor/safetensors';
import {
  compose,
  initializeStage2,
  loadBert,
  loadLanguageModel,
  loadVision,
  type Stage2Batch,
  trainStage2,
} from '@blip2/training';
import type * as tf from '@tensorflow/tfjs';

export interface CurveOptions {
  readonly steps: number;
  /** Steps before the language model takes part. */
  readonly phraseSteps: number;
  readonly batchSize: number;
  /** Write the parameters after every step too. */
  readonly parameters: boolean;
}

type Losses = Readonly<Record<string, number | undefined>>;

/** Few images: they are encoded first. */
const DATA = { emoji: 32, scenes: 160, testScenes: 8, singles: 1 };

/** Trains, and writes what another program needs to do the same. @returns the losses of each step */
export async function writeCurve(out: string, { parameters, ...options }: CurveOptions): Promise<Losses[]> {
  const preset = emojiConfigs.preset('scenes-smollm2');
  const config = {
    ...preset,
    data: { ...preset.data, ...DATA },
    stage2: { ...preset.stage2, ...options },
  };
  const folders = frozenFolders(config);
  const vision = await loadVision(folders.vision);
  const text = await loadBert(folders.text);
  const language = await loadLanguageModel(folders.language);
  const { seed } = config;
  const { dropout } = config.qformer;
  const qformer = { ...config.qformer, attentionDropout: dropout }; // as runs have it
  const parts = await compose({ vision, text, language, qformer, seed });
  const data = await emojiData.openTraining(config, { encoder: { vision }, parts, reporter: silent });
  await mkdir(join(out, 'batches'), { recursive: true });
  initializeStage2(parts);
  await writeTensors(join(out, 'initial.safetensors'), parts.stage2);
  if (parameters) await mkdir(join(out, 'parameters'), { recursive: true });

  const { steps, learningRate, minLearningRate, warmupSteps, phraseWeight, projectionRateScale } = config.stage2;
  const { betas, weightDecay, maxGradNorm } = config.stage2;
  const run = trainStage2(parts, {
    ...{ steps, learningRate, minLearningRate, warmupSteps, phraseWeight, projectionRateScale, betas, weightDecay },
    ...(maxGradNorm !== null && { trainer: { maxGradNorm } }),
    data: async (at) => {
      const batch = (await data.stage2(at)) as Stage2Batch;
      const { texts, ...images } = batch;
      const tensors = { ...images, ...texts } as Record<string, tf.Tensor>;
      await writeTensors(join(out, 'batches', fileOf(at.position)), tensors);
      return batch;
    },
  });
  const losses: Losses[] = [];
  const rates: number[] = [];
  for await (const step of run) {
    if (parameters) await writeTensors(join(out, 'parameters', fileOf(losses.length)), parts.stage2);
    losses.push(step.losses);
    rates.push(step.lr);
  }
  const facts = { language: folders.language, config: parts.config, phraseWeight, projectionRateScale, betas };
  const more = { weightDecay, maxGradNorm, rates, losses };
  await writeFile(join(out, 'curve.json'), `${JSON.stringify({ ...facts, ...more }, undefined, 1)}\n`);
  await data.close();
  parts.dispose();
  for (const model of [vision, language]) model.dispose?.();
  return losses;
}

const fileOf = (step: number): string => `${String(step).padStart(3, '0')}.safetensors`;

async function writeTensors(file: string, tensors: Readonly<Record<string, tf.Tensor>>): Promise<void> {
  const entries = Object.entries(tensors).map(([name, tensor]) => {
    const { shape, dtype } = tensor;
    const values = tensor.dataSync();
    return dtype === 'float32'
      ? { name, shape, dtype: 'F32' as const, data: values as Float32Array }
      : { name, shape, dtype: 'I32' as const, data: values as Int32Array };
  });
  await writeSafetensors(file, entries);
}
