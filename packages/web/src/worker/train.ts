import type { Blip2 } from '@blip2/models';
import { memoryFolder, mountFolder, unmountFolder } from '@blip2/tensor/files';
import type { CallContext } from '../call-context.js';
import { type FineTuneSettings, fineTune } from '../fine-tune.js';
import type { SentImage } from '../page/images.js';
import { receivedImage, receivedImages } from './received-image.js';

/** An image with its captions. */
export interface SentExample {
  readonly image: SentImage;
  readonly captions: readonly string[];
}

/** A trained model as a page gets it. */
export interface TrainedModel {
  /** The number of steps that were made. */
  readonly steps: number;
  /** The captions of the held-out images before and after training. */
  readonly heldOut: readonly { readonly before: string; readonly after: string }[];
  /** The files of its folder by path, which `fromPretrained` and the command line read. */
  readonly files: Readonly<Record<string, Blob>>;
}

/** Trains a copy of what the model has of trained parameters. Emits `encoded`, `before` and `step`. */
export async function train(
  model: Blip2,
  { signal, emit }: CallContext,
  { examples, heldOut }: { readonly examples: readonly SentExample[]; readonly heldOut: readonly SentImage[] },
  settings: FineTuneSettings,
): Promise<TrainedModel> {
  const received = await Promise.all(
    examples.map(async ({ image, captions }) => ({ image: await receivedImage(image), captions })),
  );
  using trained = await fineTune(model, received, {
    ...settings,
    heldOut: await receivedImages(heldOut),
    signal,
    onEncoded: (done, total) => emit('encoded', { done, total }),
    onBefore: (captions) => emit('before', captions),
    onStep: (step) => emit('step', step),
  });
  const folder = memoryFolder();
  const root = mountFolder(folder, { name: 'trained' });
  try {
    await trained.save(`${root}/${NAME}`, { signal });
  } finally {
    unmountFolder(root);
  }
  const files = [...folder.files].flatMap(([path, content]) =>
    path.startsWith(`${NAME}/`) ? [[path.slice(NAME.length + 1), toBlob(content)] as const] : [],
  );
  return { steps: trained.steps, heldOut: trained.heldOut, files: Object.fromEntries(files) };
}

const NAME = 'model';

const toBlob = (content: Uint8Array | Blob): Blob =>
  content instanceof Blob ? content : new Blob([new Uint8Array(content)]);
