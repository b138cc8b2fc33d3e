import { type QuestionAnswer, type QuestionType, questionTypes } from './grammar.js';

/**
 * Returns the share of the most frequent answer of each type of question, which is the accuracy of always giving it; 0
 * where there is no question of that type.
 */
export function vqaPrior(items: Iterable<Pick<QuestionAnswer, 'type' | 'answer'>>): Record<QuestionType, number> {
  const counts = new Map<QuestionType, Map<string, number>>(questionTypes.map((type) => [type, new Map()]));
  for (const { type, answer } of items) {
    const answers = counts.get(type)!;
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
  }
  const share = (type: QuestionType) => {
    const all = [...counts.get(type)!.values()];
    const total = all.reduce((sum, n) => sum + n, 0);
    return total === 0 ? 0 : Math.max(...all) / total;
  };
  return { what: share('what'), where: share('where'), 'how many': share('how many'), 'is there': share('is there') };
}
