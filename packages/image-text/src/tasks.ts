import { captionProcessor, type ImageTextItem, questionProcessor } from '@blip2/data';
import { normalizeAnswer } from '@blip2/metrics';
import type { EvaluationTasks, QuestionItem, VqaData } from '@blip2/runs';
import type { FeatureStore } from '@blip2/training';
import { answered } from './texts.js';

/** The evaluation tasks of images: retrieval and captioning of those with captions, and their questions with answers. */
export function tasksOf(items: readonly ImageTextItem[], features: FeatureStore): EvaluationTasks {
  const captioned = items.flatMap(({ captions }, i) => (captions.length > 0 ? [i] : []));
  const asked = items.some((item) => answered(item).length > 0);
  const captions = captioned.map((i) => (items[i] as ImageTextItem).captions);
  const some = captioned.length === items.length ? features : subset(features, captioned);
  return {
    ...(captioned.length > 0 && {
      retrieval: {
        features: some,
        texts: captions.flat().map((text) => captionProcessor(text)),
        imageOf: captions.flatMap((texts, image) => texts.map(() => image)),
      },
      captions: {
        features: some,
        references: (index) => captions[index] as readonly string[],
        imageId: (index) => idOf(items[captioned[index] as number] as ImageTextItem),
      },
    }),
    ...(asked && { vqa: questionsOf(items, features) }),
  };
}

/** The number by which leaderboards know an image, or else its id. */
const idOf = ({ id, imageId }: ImageTextItem): string | number => imageId ?? id;

function questionsOf(items: readonly ImageTextItem[], features: FeatureStore): VqaData {
  const questions = items.flatMap((item, image) =>
    answered(item).map(({ id, question, answers }): QuestionItem => {
      const answer = mostFrequent(answers);
      return { image, type: typeOf(answer), question: questionProcessor(question), answer, answers, id };
    }),
  );
  const types = ['yes/no', 'number', 'other'].filter((type) => questions.some((question) => question.type === type));
  return { features, types, questions };
}

/** The types of answers that VQAv2 distinguishes. */
function typeOf(answer: string): string {
  const plain = normalizeAnswer(answer);
  if (plain === 'yes' || plain === 'no') return 'yes/no';
  return /^\d+([.,]\d+)?$/.test(plain) ? 'number' : 'other';
}

/** The first of the answers that most people gave. */
function mostFrequent(answers: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const answer of answers) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best))[0];
}

/** The features of some of the images. */
const subset = (features: FeatureStore, indices: readonly number[]): FeatureStore => ({
  length: indices.length,
  gather: (places) => features.gather(places.map((place) => indices[place] ?? -1)),
  close: async () => {},
});
