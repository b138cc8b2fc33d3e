import type { ImageQuestion, ImageTextItem } from '@blip2/data';
import type { ImageTextDataConfig } from './config.js';

/** What stage 2 trains on. */
export interface Stage2Texts {
  readonly captions: boolean;
  readonly questions: boolean;
}

/** Decides what stage 2 trains on. @throws where the data have no such texts */
export function stage2Texts(
  items: readonly ImageTextItem[],
  task: ImageTextDataConfig['task'],
  name: string,
): Stage2Texts {
  const wanted = (kind: keyof Stage2Texts): boolean => {
    const has = trainedOn(items, kind).length > 0;
    if (task === 'auto' || has) return has && (task === 'auto' || task === 'both' || task === kind);
    if (task !== 'both' && task !== kind) return false;
    throw new Error(
      `${name} has no ${kind}${kind === 'questions' ? ' with answers' : ''} to train on; add some, or change 'task' in the configuration.`,
    );
  };
  const texts = { captions: wanted('captions'), questions: wanted('questions') };
  if (texts.captions || texts.questions) return texts;
  throw new Error(`${name} has neither captions nor questions with answers to train on; add some.`);
}

/** The items with captions or with answered questions, by index. */
export const trainedOn = (items: readonly ImageTextItem[], kind: keyof Stage2Texts): number[] =>
  items.flatMap((item, i) => ((kind === 'captions' ? item.captions : answered(item)).length > 0 ? [i] : []));

/** The questions of an item that have answers. */
export const answered = ({ questions }: ImageTextItem): ImageQuestion[] =>
  questions.filter(({ answers }) => answers.length > 0);
