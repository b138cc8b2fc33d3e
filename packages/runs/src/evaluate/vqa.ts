import { exactMatch, vqaAccuracy } from '@blip2/metrics';
import { fillTemplate } from '@blip2/models';
import type { QuestionItem, VqaData } from '../run-data.js';
import type { PromptedModel } from './captions.js';
import { generateShared, type SharedGeneration } from './generate-shared.js';

/** Options of `evaluateVqa`: those of generation. */
export interface VqaEvalOptions extends SharedGeneration {
  /** Template of every question; `{}` stands for the question. Default: the model's. */
  readonly template?: string | undefined;
}

/** A question with its reference answer and the generated one. */
export interface AnswerResult {
  /** Index of the image. */
  readonly image: number;
  readonly type: string;
  readonly question: string;
  /** The reference answer. */
  readonly right: string;
  /** The generated answer. */
  readonly answer: string;
  /** From 0 to 1: how right the answer is. */
  readonly score: number;
}

/** The accuracy on one type of question. */
export interface TypeScore {
  readonly type: string;
  readonly accuracy: number;
  /** The share of the most frequent reference answer: the accuracy of always giving it. */
  readonly prior: number;
  /** The number of questions. */
  readonly n: number;
}

/** The accuracy on a VQA task. */
export interface VqaScores {
  readonly accuracy: number;
  /** The accuracy of always giving the most frequent reference answer of each type. */
  readonly prior: number;
  /** The number of questions. */
  readonly n: number;
  readonly types: TypeScore[];
  readonly results: AnswerResult[];
}

/** The number of new tokens of an answer where the options do not say it. */
export const ANSWER_TOKENS = 8;

/**
 * Evaluates VQA. An answer is correct when it equals the reference answer after VQA's normalization; where four or more
 * people answered a question, it is scored by the official VQA rule (`vqaAccuracy` of `@blip2/metrics`).
 * @param options of generation. Default: at most 8 new tokens
 */
export async function evaluateVqa(
  model: PromptedModel,
  { features, types, questions }: VqaData,
  { template = model.prompts.question, ...options }: VqaEvalOptions = {},
): Promise<VqaScores> {
  const answers = await generateShared(
    model,
    features,
    questions.map(({ image, question }) => ({ image, prompt: fillTemplate(template, question) })),
    { maxNewTokens: ANSWER_TOKENS, ...options },
  );
  const results = questions.map((item, i): AnswerResult => {
    const { image, type, question, answer: right } = item;
    return { image, type, question, right, answer: answers[i]!, score: score(answers[i]!, item) };
  });
  const scores = types.map((type): TypeScore => {
    const ofType = questions.flatMap((item, i) => (item.type === type ? [{ item, score: results[i]!.score }] : []));
    return { type, accuracy: mean(ofType.map((one) => one.score)), prior: prior(ofType), n: ofType.length };
  });
  const n = results.length;
  const overall = scores.reduce((sum, type) => sum + type.prior * type.n, 0) / n;
  return { accuracy: mean(results.map((one) => one.score)), prior: overall, n, types: scores, results };
}

/** Fewer people than this cannot agree enough for the VQA rule. */
const PEOPLE = 4;

function score(answer: string, { answer: right, answers = [] }: Pick<QuestionItem, 'answer' | 'answers'>): number {
  return answers.length >= PEOPLE ? vqaAccuracy(answer, answers) : exactMatch([answer], [[right, ...answers]]);
}

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

/** The accuracy of always giving the most frequent reference answer; 0 where there are no questions. */
function prior(of: readonly { readonly item: QuestionItem }[]): number {
  const counts = new Map<string, number>();
  for (const { item } of of) counts.set(item.answer, (counts.get(item.answer) ?? 0) + 1);
  const [most = ''] = [...counts].reduce((best, one) => (one[1] > best[1] ? one : best), ['', 0] as [string, number]);
  return mean(of.map(({ item }) => score(most, item)));
}
