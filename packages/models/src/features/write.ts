import { openTemporaryValues, toPath } from '@blip2/tensor/files';
import { type TensorEntry, writeSafetensors } from '@blip2/tensor/safetensors';
import type { Models } from '../select-model.js';
import {
  extractImageFeatures,
  extractMultimodalFeatures,
  extractTextFeatures,
  extractVisionFeatures,
  type FeatureKind,
  type Features,
} from './extract.js';

/** The inputs whose features are written. */
export interface FeatureInputs {
  /** Paths or `file:` URLs of images. */
  readonly images?: readonly (string | URL)[] | undefined;
  readonly texts?: readonly string[] | undefined;
}

/** Options of `writeFeatures`. */
export interface FeatureOptions {
  /** Path of the safetensors file. Its tensors are named `INPUT.NAME`, those of a pair `IMAGE: TEXT.NAME`. */
  readonly out: string | URL;
  /** The kind of features. Default: `image` for images, `text` for texts, `multimodal` where both are given. */
  readonly kind?: FeatureKind | undefined;
  /** Called after each input with the shape of the first of its features. */
  readonly onInput?: ((done: { readonly input: string; readonly shape: readonly number[] }) => void) | undefined;
  /** Called for an image that cannot be read, which is then left out. Default: the error is thrown. */
  readonly onUnreadable?: ((image: string, error: unknown) => void) | undefined;
  /** Stops between two inputs: the call then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes the features of images, of texts, or of image-text pairs to a safetensors file. Image i is paired with text i; a
 * single image is paired with every text, a single text with every image.
 * @throws where the kind does not match the inputs, and where no input could be read
 */
export async function writeFeatures(models: Models, inputs: FeatureInputs, options: FeatureOptions): Promise<void> {
  const { onInput, onUnreadable, signal } = options;
  const out = toPath(options.out);
  const images = inputs.images?.map(toPath);
  const jobs = jobsOf(models, { images, texts: inputs.texts }, options.kind);
  const entries: TensorEntry[] = [];
  const temporary = await openTemporaryValues(out);
  try {
    for (const [input, { image, compute }] of jobs) {
      signal?.throwIfAborted();
      const features = await compute().catch((error: unknown) => {
        if (!onUnreadable || image === undefined) throw error;
        onUnreadable(image, error);
      });
      if (!features) continue;
      for (const [name, { shape, values }] of Object.entries(features)) {
        entries.push({ name: `${input}.${name}`, shape, dtype: 'F32', data: await temporary.store(values) });
      }
      onInput?.({ input, shape: Object.values(features)[0]!.shape });
    }
    if (entries.length === 0) throw new Error(`There is nothing to write to '${out}'; give images that can be read.`);
    await writeSafetensors(out, entries, { metadata: { format: 'blip2-features' }, ...(signal && { signal }) });
  } finally {
    await temporary.close();
  }
}

interface Job {
  readonly image?: string;
  compute(): Promise<Features>;
}

interface Paths {
  readonly images: readonly string[] | undefined;
  readonly texts: readonly string[] | undefined;
}

/** What is computed, by the name of its input: an input given twice is computed once. */
function jobsOf(models: Models, { images = [], texts = [] }: Paths, kind?: FeatureKind): Map<string, Job> {
  const given = images.length === 0 ? 'text' : texts.length === 0 ? 'image' : 'multimodal';
  const wanted = kind ?? given;
  const fits = wanted === given || (wanted === 'vision' && given === 'image');
  if (!fits || images.length + texts.length === 0) {
    const needs = { image: 'images alone', vision: 'images alone', text: 'texts alone', multimodal: 'both' }[wanted];
    throw new Error(
      `Features of kind '${wanted}' need ${needs}; ${images.length} images and ${texts.length} texts were given.`,
    );
  }
  if (wanted === 'text')
    return new Map(texts.map((text) => [text, { compute: () => extractTextFeatures(models, text) }]));
  if (wanted !== 'multimodal') {
    const features = wanted === 'vision' ? extractVisionFeatures : extractImageFeatures;
    return new Map(images.map((image) => [image, { image, compute: () => features(models, image) }]));
  }
  const count = Math.max(images.length, texts.length);
  if ([images, texts].some(({ length }) => length !== 1 && length !== count)) {
    throw new Error(`Pairs need one text for each image, not ${images.length} images and ${texts.length} texts.`);
  }
  const pairs = Array.from({ length: count }, (_, i) => [images[i] ?? images[0]!, texts[i] ?? texts[0]!] as const);
  return new Map(
    pairs.map(([image, text]) => [
      `${image}: ${text}`,
      { image, compute: () => extractMultimodalFeatures(models, image, text) },
    ]),
  );
}
