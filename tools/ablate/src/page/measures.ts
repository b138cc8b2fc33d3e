import type { Results, Stage1Result, Stage2Result } from '../results.js';
import type { Stage2Loss } from '../table.js';

/** A score of a run, by which configurations are compared. */
export interface Measure {
  readonly label: string;
  /** Whether lower values are better. Default false. */
  readonly lower?: boolean;
  /** Gives the values of a configuration, one for each seed; none where it was not run. */
  values(results: Results, name: string): number[];
}

const ofStage1 = (label: string, score: (run: Stage1Result) => number, lower = false): Measure => ({
  label,
  lower,
  values: ({ results }, name) => results.flatMap((run) => (run.stage === 1 && run.name === name ? [score(run)] : [])),
});

const ofStage2 = (
  label: string,
  score: (run: Stage2Result) => number,
  { lower = false, loss = 'lm' }: { lower?: boolean; loss?: Stage2Loss } = {},
): Measure => ({
  label: loss === 'phrases' ? `${label}, with phrases` : label,
  lower,
  values: ({ results }, name) =>
    results.flatMap((run) => (run.stage === 2 && run.name === name && run.loss === loss ? [score(run)] : [])),
});

/** The mean loss of the last steps of training. */
const last = ({ curve }: Stage1Result, name: string): number => {
  const points = curve.slice(-3);
  return points.reduce((sum, { losses }) => sum + (losses[name] ?? Number.NaN), 0) / points.length;
};

/** The measures of stage 1. */
export const stage1 = {
  unseen: ofStage1('R@1, unseen vendor', ({ retrieval: { unseen } }) => (unseen.i2t + unseen.t2i) / 2),
  known: ofStage1('R@1, known vendors', ({ retrieval: { known } }) => (known.i2t + known.t2i) / 2),
  matchedText: ofStage1('R@1 by ITM, text of an image', ({ matched: { unseen } }) => unseen.i2t),
  matchedImage: ofStage1('R@1 by ITM, image of a text', ({ matched: { unseen } }) => unseen.t2i),
  itc: ofStage1('ITC loss', ({ losses }) => losses.itc, true),
  itm: ofStage1('ITM loss', ({ losses }) => losses.itm, true),
  itg: ofStage1('ITG loss', ({ losses }) => losses.itg, true),
  trainedItc: ofStage1('ITC loss in training', (run) => last(run, 'itc'), true),
  trainedItm: ofStage1('ITM loss in training', (run) => last(run, 'itm'), true),
  trainedItg: ofStage1('ITG loss in training', (run) => last(run, 'itg'), true),
} as const;

/** The measures of stage 2 by the loss with which it is trained. */
export const stage2 = (loss: Stage2Loss) => ({
  vqaUnseen: ofStage2('VQA, unseen vendor', ({ vqa }) => vqa.unseen.accuracy, { loss }),
  vqaKnown: ofStage2('VQA, known vendors', ({ vqa }) => vqa.known.accuracy, { loss }),
  ciderUnseen: ofStage2('CIDEr, unseen vendor', ({ captions }) => captions.unseen.cider, { loss }),
  ciderKnown: ofStage2('CIDEr, known vendors', ({ captions }) => captions.known.cider, { loss }),
  swapped: ofStage2('CIDEr, another image', ({ captions }) => captions.unseen.swapped, { loss }),
  exact: ofStage2('exact captions, known vendors', ({ captions }) => captions.known.exact, { loss }),
  lm: ofStage2('LM loss', ({ lm }) => lm, { loss, lower: true }),
});
