import type { FeatureStore } from '@blip2/training';
import type { GenerationOptions } from './decoding.js';
import { type GenerationParts, generateText } from './generate-text.js';

/** Options of `generateTexts`. */
export interface GenerateAllOptions extends Omit<GenerationOptions, 'returnSequences'> {
  /** Called after each batch with the number of texts generated so far and the total. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Texts per batch. Default 64. */
  readonly batchSize?: number;
}

/**
 * Generates a text for each pair of an encoded image and a prompt, in batches. Within a batch the Q-Former runs once per
 * image.
 * @param features features of the image encoder, of which batches are read as they are needed
 * @param inputs indices of images in `features`, each with the prompt that the text continues
 * @returns one text per input, without its prompt
 */
export async function generateTexts(
  model: GenerationParts,
  features: FeatureStore,
  inputs: readonly { readonly image: number; readonly prompt: string }[],
  options: GenerateAllOptions = {},
): Promise<string[]> {
  const { onProgress, batchSize = 64, ...decoding } = options;
  const texts: string[] = [];
  for (let start = 0; start < inputs.length; start += batchSize) {
    decoding.signal?.throwIfAborted();
    const some = inputs.slice(start, start + batchSize);
    const places = [...new Set(some.map(({ image }) => image))];
    const row = new Map(places.map((place, i) => [place, i]));
    const imageIndex = some.map(({ image }) => row.get(image) as number);
    const prompts = some.map(({ prompt }) => prompt);
    const encoded = await features.gather(places);
    try {
      const generations = await generateText(model, { features: encoded, prompts, imageIndex }, decoding);
      texts.push(...generations.map(([best]) => best!.text));
    } finally {
      encoded.dispose();
    }
    onProgress?.(Math.min(start + batchSize, inputs.length), inputs.length);
  }
  return texts;
}
