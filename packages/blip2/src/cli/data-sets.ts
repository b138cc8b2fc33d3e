import type { ImageTextDataset } from '@blip2/data';
import type { presets } from '@blip2/demo';
import type { imageTextPresets } from '@blip2/image-text';
import type { DataConfig, EvaluationData, RunData } from '@blip2/runs';
import { Option } from 'commander';
import { UsageError } from './errors.js';
import type { SharedOptions } from './options.js';
import type { Session } from './session.js';

/** The data set that has a name; every other one is a path. */
export const EMOJI = 'emoji';

const ofEmoji = { demo: true, 'emoji-full': true, 'scenes-smollm2': true, smoke: true } satisfies Record<
  keyof typeof presets,
  true
>;
const ofImages = { pretrain: true, small: true } satisfies Record<keyof typeof imageTextPresets, true>;

/** The training presets by data set, named here so that wrong usage is found before the packages with them are loaded. */
export const trainingPresets = { emoji: Object.keys(ofEmoji), images: Object.keys(ofImages) };

/** Options that choose a data set. */
export interface DataFlags extends SharedOptions {
  readonly data?: string;
  readonly split?: Split;
  readonly maxSkipped?: number;
}

/** The parts of a data set that have a name. */
export const splits = ['train', 'validation', 'test'] as const;
type Split = (typeof splits)[number];

/** The option that names a data set. */
export const dataOption = (): Option =>
  new Option(
    '--data <path>',
    `images with captions or questions: a folder, a list, annotations, shards or an address; or '${EMOJI}', the demo's`,
  );

/** Opens a data set of images with texts. */
export async function openImages(
  path: string,
  { split, signal }: { readonly split?: Split | undefined; readonly signal: AbortSignal },
): Promise<ImageTextDataset> {
  const { openDataset } = await import('@blip2/datasets');
  return openDataset(path, { signal, ...(split && { split }) });
}

/** What is done with a data set, whatever its configuration and its tasks are. */
export type WithData<T> = <D extends DataConfig, E extends EvaluationData>(data: RunData<D, E>) => Promise<T>;

/** Opens the data set on which a model is evaluated. @throws UsageError for options that it does not have */
export async function withEvaluationData<T>(
  { data = EMOJI, split, maxSkipped, orient }: DataFlags,
  { signal }: Session,
  use: WithData<T>,
): Promise<T> {
  if (data !== EMOJI) {
    const { imageTextData } = await import('@blip2/image-text');
    return use(imageTextData(await openImages(data, { split, signal }), { orient, maxSkipped }));
  }
  for (const [name, value] of Object.entries({ '--split': split, '--max-skipped': maxSkipped })) {
    if (value === undefined) continue;
    throw new UsageError(`${name} is for images of your own; give them with --data PATH.`);
  }
  return use((await demoPackage()).emojiData);
}

/**
 * Loads `@blip2/demo`, which has the emoji data, their training presets and the demo, and is installed separately.
 * @throws where it is not installed, with the command that installs it
 */
export async function demoPackage(): Promise<typeof import('@blip2/demo')> {
  return import('@blip2/demo').catch((error: NodeJS.ErrnoException) => {
    const missing = error.code === 'ERR_MODULE_NOT_FOUND' && error.message.includes("package '@blip2/demo'");
    if (!missing) throw error;
    throw new Error('The demo and its emoji data are a package of their own; run: npm install @blip2/demo');
  });
}
