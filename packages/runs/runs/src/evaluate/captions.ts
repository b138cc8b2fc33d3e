import { cider } from '@blip2/metrics';
import { type GenerateAllOptions, type GenerationParts, generateTexts, type Prompts } from '@blip2/models';
import type { CaptionData } from '../run-data.js';

/** A generation model with the prompts that it was trained with. */
export type PromptedModel = GenerationParts & { readonly prompts: Prompts };

/** A caption of the model beside its reference. */
export interface CaptionResult {
  /** Index of the image. */
  readonly image: number;
  readonly caption: string;
  readonly reference: string;
  /** The caption that comes with the visual tokens of another image. */
  readonly swapped: string;
}

export interface CaptionScores {
  readonly cider: number;
  /**
   * CIDEr of the captions that come with the visual tokens of another image: what the text owes to the language model
   * alone. 0 where there is but one image.
   */
  readonly ciderSwapped: number;
  readonly n: number;
  readonly results: CaptionResult[];
}

/** Captions every image, and once more with the visual tokens of another one, and scores both by CIDEr. */
export async function evaluateCaptions(
  model: PromptedModel,
  { features, references }: CaptionData,
  options: GenerateAllOptions = {},
): Promise<CaptionScores> {
  const n = features.length;
  const indices = Array.from({ length: n }, (_, i) => i);
  const captionsOf = (imageOf: (index: number) => number) =>
    generateTexts(
      model,
      features,
      indices.map((index) => ({ image: imageOf(index), prompt: model.prompts.caption })),
      { maxNewTokens: 24, ...options },
    );
  const own = await captionsOf((index) => index);
  const swapped = n < 2 ? indices.map(() => '') : await captionsOf((index) => (index + (n >> 1)) % n);
  const all = indices.map((index) => [...references(index)]);
  const results = indices.map((image): CaptionResult => {
    return { image, caption: own[image]!, reference: all[image]![0]!, swapped: swapped[image]! };
  });
  return { cider: cider(own, all).score, ciderSwapped: cider(swapped, all).score, n, results };
}
