import { exactMatch } from '@blip2/metrics';
import { fillTemplate, type GenerateAllOptions, generateTexts } from '@blip2/models';
import type { VqaData } from '../run-data.js';
import type { PromptedModel } from './captions.js';

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

/**
 * Evaluates VQA: an answer is correct when it equals the reference answer after VQA's normalization.
 * @param options of generation. Default: at most 8 new tokens
 */
export async function evaluateVqa(
  model: PromptedModel,
  { features, types, questions }: VqaData,
  options: GenerateAllOptions = {},
): Promise<VqaScores> {
  const answers = await generateTexts(
    model,
    features,
    questions.map(({ image, question }) => ({ image, prompt: fillTemplate(model.prompts.question, question) })),
    { maxNewTokens: 8, ...options },
  );
  const results = questions.map(({ image, type, question, answer: right }, i): AnswerResult => {
    return { image, type, question, right, answer: answers[i]! };
  });
  const scores = types.map((type): TypeScore => {
    const ofType = results.filter((one) => one.type === type);
    return { type, accuracy: accuracy(ofType), prior: mostFrequentShare(ofType), n: ofType.length };
  });
  const n = results.length;
  const prior = scores.reduce((sum, type) => sum + type.prior * type.n, 0) / n;
  return { accuracy: accuracy(results), prior, n, types: scores, results };
}

const accuracy = (results: readonly AnswerResult[]): number =>
  results.length === 0
    ? 0
    : exactMatch(
        results.map(({ answer }) => answer),
        results.map(({ right }) => right),
      );

/** The share of the most frequent reference answer; 0 where there are no questions. */
function mostFrequentShare(results: readonly Pick<AnswerResult, 'right'>[]): number {
  const counts = new Map<string, number>();
  for (const { right } of results) counts.set(right, (counts.get(right) ?? 0) + 1);
  return results.length === 0 ? 0 : Math.max(...counts.values()) / results.length;
}
