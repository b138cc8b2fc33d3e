import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageTextItem, SkippedItem } from '@blip2/data';
import { collectSkipped } from '@blip2/datasets';
import type { CheckContext } from '@blip2/runs';
import type { ImageTextConfig } from './config.js';
import { stage2Texts, trainedOn } from './texts.js';

/** The file of a run's folder that lists what of the data could not be used. */
export const SKIPPED = 'skipped.jsonl';

/** What of a data set can be used, and what cannot. */
export interface Usable {
  /** The name of the data set. */
  readonly name: string;
  /** The number of items that can be used. */
  readonly kept: number;
  readonly skipped: readonly SkippedItem[];
}

/**
 * Lists what was left out in `skipped.jsonl` of the run's folder, says it, and checks that it is not too much.
 * @param most the largest share of all that may be left out
 * @throws in one sentence with the share, the first reasons, and where the list is
 */
export function reportSkipped(
  { name, kept, skipped }: Usable,
  { most, out, reporter }: Pick<CheckContext, 'out' | 'reporter'> & { readonly most: number },
): void {
  const file = out === undefined ? undefined : join(out, SKIPPED);
  if (skipped.length === 0) {
    if (file) rmSync(file, { force: true }); // that of an earlier run
    return;
  }
  const list = collectSkipped({ name, file, maxSkipped: most });
  for (const one of skipped) list.add(one);
  list.finish(kept);
  const reasons = list.reasons().map(([reason, count]) => `${count} x ${reason.replace(/\.$/, '')}`);
  reporter?.note(
    `${list.count} of ${kept + list.count} items of ${name} are left out (${reasons.slice(0, 3).join('; ')})${file ? `; ${file} lists them` : ''}.`,
  );
}

/**
 * Checks that images fill the batches of the stages that are trained.
 * @throws in one sentence where there are no images, no texts, or too few of them
 */
export function checkCounts(
  items: readonly ImageTextItem[],
  {
    name,
    config,
    stages = [1, 2],
  }: { readonly name: string; readonly config: ImageTextConfig } & Pick<CheckContext, 'stages'>,
): void {
  if (items.length === 0) throw noImages(name);
  const { stage1, stage2, data } = config;
  if (stages.includes(1)) {
    const captioned = items.filter(({ captions }) => captions.length > 0);
    if (captioned.length === 0)
      throw new Error(
        `${name} has no captions, from which stage 1 learns; add some, or train stage 2 alone on its questions.`,
      );
    const pairs = captioned.reduce((sum, { captions }) => sum + captions.length, 0);
    expectFull(pairs, { of: 'pairs of an image and a caption', stage: 'stage1', batchSize: stage1.batchSize, name });
    if (captioned.length < 2)
      throw new Error(`${name} has one image with captions, and stage 1 compares images; add others.`);
  }
  if (stages.includes(2)) {
    const texts = stage2Texts(items, data.task, name);
    for (const kind of ['captions', 'questions'] as const) {
      if (!texts[kind]) continue;
      const { length } = trainedOn(items, kind);
      expectFull(length, { of: `images with ${kind}`, stage: 'stage2', batchSize: stage2.batchSize, name });
    }
  }
}

/** What is wrong with a data set in which nothing can be used. */
export const noImages = (name: string): Error =>
  new Error(
    `${name} has no image with a caption or a question; see 'Train on your own images' in the README for how they are laid out.`,
  );

function expectFull(
  count: number,
  { of, stage, batchSize, name }: { of: string; stage: string; batchSize: number; name: string },
): void {
  if (count >= batchSize) return;
  throw new Error(
    `${name} has ${count} ${of}, fewer than a batch of ${batchSize} in ${stage}; add some, or lower its 'batchSize' (--batch-size).`,
  );
}
