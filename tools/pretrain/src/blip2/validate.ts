import type { GenerationModel, RetrievalModel } from '@blip2/models';
import { evaluateExact, evaluateRetrieval, evaluateVqa } from '@blip2/runs';
import type { FirefoxTasks } from './firefox.js';

/** What Firefox OS' drawings say of a model, by names of scores from 0 to 1, and the one number by which models are chosen. */
export interface Validation {
  readonly step: number;
  /** The mean of the scores. */
  readonly score: number;
  readonly scores: Readonly<Record<string, number>>;
}

/** Scores stage 1: retrieval by ITC, R@1 of both directions. */
export async function validateStage1(
  model: Pick<RetrievalModel, 'params' | 'config' | 'tokenizer'>,
  { retrieval }: FirefoxTasks,
  { step, textLength }: { readonly step: number; readonly textLength: number },
): Promise<Validation> {
  const { i2t, t2i } = await evaluateRetrieval(model, retrieval, { tokenizer: model.tokenizer, textLength, rerank: 0 });
  return validation(step, { i2t: i2t.r1, t2i: t2i.r1 });
}

/** Scores stage 2: the shares of single drawings and of scenes whose caption is exactly right, and of right answers. */
export async function validateStage2(
  model: Pick<GenerationModel, 'params' | 'config' | 'tokenizer' | 'language' | 'prompts'>,
  { single, captions, vqa }: FirefoxTasks,
  step: number,
): Promise<Validation> {
  const greedy = { beams: 1 };
  return validation(step, {
    single: (await evaluateExact(model, single, greedy)).exact,
    scenes: (await evaluateExact(model, captions, greedy)).exact,
    vqa: (await evaluateVqa(model, vqa, greedy)).accuracy,
  });
}

function validation(step: number, scores: Record<string, number>): Validation {
  const values = Object.values(scores);
  return { step, score: values.reduce((sum, value) => sum + value, 0) / values.length, scores };
}
