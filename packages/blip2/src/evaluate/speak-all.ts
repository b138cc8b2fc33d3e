import type { FeatureStore } from '../data/features.js';
import type { SpeakOptions } from '../model/decoding.js';
import { type Speaker, speak } from '../model/speak.js';

export interface SpeakAllOptions extends Omit<SpeakOptions, 'returnSequences'> {
  readonly onProgress?: (done: number, total: number) => void;
  /** Texts at a time. Default 64. */
  readonly batch?: number;
}

/**
 * What is said of many pictures that were looked at: for each the text that goes on from its prompt. Questions about one
 * picture that follow each other share what the Q-Former sees in it.
 */
export async function speakAll(
  model: Speaker,
  features: FeatureStore,
  asked: readonly { readonly picture: number; readonly prompt: string }[],
  options: SpeakAllOptions = {},
): Promise<string[]> {
  const { onProgress, batch = 64, ...decoding } = options;
  const texts: string[] = [];
  for (let start = 0; start < asked.length; start += batch) {
    decoding.signal?.throwIfAborted();
    const some = asked.slice(start, start + batch);
    const places = [...new Set(some.map(({ picture }) => picture))];
    const row = new Map(places.map((place, i) => [place, i]));
    const pictures = some.map(({ picture }) => row.get(picture) as number);
    const prompts = some.map(({ prompt }) => prompt);
    const seen = await features.gather(places);
    try {
      const spoken = await speak(model, { features: seen, prompts, pictures }, decoding);
      texts.push(...spoken.map(([best]) => best!.text));
    } finally {
      seen.dispose();
    }
    onProgress?.(Math.min(start + batch, asked.length), asked.length);
  }
  return texts;
}
