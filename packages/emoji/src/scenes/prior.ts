import { type QuestionAnswer, type QuestionType, questionTypes } from './grammar.js';

/** For each type of question, the share of its most frequent answer: the accuracy of who never looks. 0 where none is asked. */
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
