import { access, constants, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, format, parse } from 'node:path';
import { toPath } from '@blip2/tensor/files';
import type { EvaluationTasks } from '../run-data.js';
import type { CaptionResult } from './captions.js';
import type { AnswerResult } from './vqa.js';

/** A caption in the results format of the COCO caption evaluation. */
export interface CaptionPrediction {
  readonly image_id: string | number;
  readonly caption: string;
}

/** An answer in the results format of the VQA evaluation. */
export interface AnswerPrediction {
  readonly question_id: string | number;
  readonly answer: string;
}

/** The generated texts of an evaluation. */
export interface GeneratedTexts {
  readonly captions?: { readonly results: readonly Pick<CaptionResult, 'image' | 'caption'>[] } | undefined;
  /** One result for each question of the task, in its order. */
  readonly vqa?: { readonly results: readonly Pick<AnswerResult, 'answer'>[] } | undefined;
}

/** Converts captions to the results format of the COCO caption evaluation. */
export const captionPredictions = (
  { results }: NonNullable<GeneratedTexts['captions']>,
  { imageId = (index) => index }: Pick<NonNullable<EvaluationTasks['captions']>, 'imageId'>,
): CaptionPrediction[] => results.map(({ image, caption }) => ({ image_id: imageId(image), caption }));

/** Converts answers to the results format of the VQA evaluation. */
export const answerPredictions = (
  { results }: NonNullable<GeneratedTexts['vqa']>,
  { questions }: Pick<NonNullable<EvaluationTasks['vqa']>, 'questions'>,
): AnswerPrediction[] =>
  results.map(({ answer }, i) => {
    return { question_id: questions[i]?.id ?? i, answer };
  });

/**
 * Writes what a model generated as leaderboards take it: captions as `[{ image_id, caption }]` and answers as
 * `[{ question_id, answer }]`. Where there are both, the answers are in a file of their own: `NAME.vqa.json` beside
 * `NAME.json`. Each file is written as a whole or not at all.
 * @param file a path or a `file:` URL
 * @returns the paths that were written
 * @throws where there are neither captions nor answers, and where a file cannot be written
 */
export async function writePredictions(
  file: string | URL,
  { captions, vqa }: GeneratedTexts,
  tasks: Pick<EvaluationTasks, 'captions' | 'vqa'>,
): Promise<string[]> {
  const path = toPath(file);
  const files: [path: string, predictions: readonly object[]][] = [];
  if (captions && tasks.captions) files.push([path, captionPredictions(captions, tasks.captions)]);
  if (vqa && tasks.vqa) files.push([files.length > 0 ? beside(path) : path, answerPredictions(vqa, tasks.vqa)]);
  if (files.length === 0) {
    throw new Error(
      `There is nothing to write to ${path}: predictions are captions and answers, which need a generation model and data with captions or questions.`,
    );
  }
  for (const [at, predictions] of files) await writeWhole(at, predictions);
  return files.map(([at]) => at);
}

/** @throws where the folder of a file of predictions cannot be written, to find this before an evaluation */
export async function expectWritable(file: string | URL): Promise<void> {
  const path = toPath(file);
  await access(dirname(path), constants.W_OK).catch((error: unknown) => {
    throw unwritable(path, error);
  });
}

function beside(path: string): string {
  const { dir, name, ext } = parse(path);
  return format({ dir, name: `${name}.vqa`, ext });
}

async function writeWhole(path: string, predictions: readonly object[]): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const lines = predictions.map((one) => JSON.stringify(one));
    await writeFile(temporary, `[\n${lines.join(',\n')}\n]\n`);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw unwritable(path, error);
  }
}

const unwritable = (path: string, cause: unknown): Error =>
  new Error(
    `The predictions ${path} cannot be written (${(cause as NodeJS.ErrnoException).code ?? cause}); give a path in a folder that can be written.`,
    { cause },
  );
