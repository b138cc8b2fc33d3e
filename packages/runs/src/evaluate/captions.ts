import { captionProcessor } from '@blip2/data';
import { type BleuScore, bleu, cider, rougeL } from '@blip2/metrics';
import type { GenerationParts, Prompts } from '@blip2/models';
import type { CaptionData } from '../run-data.js';
import { generateShared, type SharedGeneration } from './generate-shared.js';

/** A generation model with the prompts that it was trained with. */
export type PromptedModel = GenerationParts & { readonly prompts: Prompts };

/** A generated caption with its reference. */
export interface CaptionResult {
  /** Index of the image. */
  readonly image: number;
  readonly caption: string;
  /** The first reference caption. */
  readonly reference: string;
  /** The caption that is generated from the soft prompt of another image; empty where there is only one image. */
  readonly swapped: string;
  /** Whether the caption equals one of the references, as in `CaptionScores.exact`. */
  readonly exact: boolean;
}

/** Options of `evaluateCaptions`: those of generation. */
export interface CaptionEvalOptions extends SharedGeneration {
  /** The beginning of every caption, which the generated text continues. Default: the model's. */
  readonly prompt?: string | undefined;
}

/** Scores of generated captions, as of the COCO caption evaluation. */
export interface CaptionScores {
  /** CIDEr-D, 10 at most. */
  readonly cider: number;
  /**
   * CIDEr of captions that are generated from the soft prompt of another image: what a model scores by language alone. 0
   * where there is only one image.
   */
  readonly ciderSwapped: number;
  /** BLEU with n-grams of up to 1, 2, 3 and 4 words, from 0 to 1. */
  readonly bleu: BleuScore;
  /** ROUGE-L, from 0 to 1. */
  readonly rougeL: number;
  /** The share of captions that equal one of the references, letter case, punctuation and outer spaces aside. */
  readonly exact: number;
  /** The number of images. */
  readonly n: number;
  readonly results: CaptionResult[];
}

/** The number of new tokens of a caption where the options do not say it. */
export const CAPTION_TOKENS = 24;

/**
 * Evaluates captioning: captions every image with the model's caption prompt, once from its own soft prompt and once from
 * that of another image, and scores both by CIDEr, and the first by BLEU and ROUGE-L too.
 * @param options of generation. Default: at most 24 new tokens
 */
export async function evaluateCaptions(
  model: PromptedModel,
  { features, references }: CaptionData,
  { prompt = model.prompts.caption, ...options }: CaptionEvalOptions = {},
): Promise<CaptionScores> {
  const n = features.length;
  const indices = Array.from({ length: n }, (_, i) => i);
  const captionsOf = (imageOf: (index: number) => number) =>
    generateShared(
      model,
      features,
      indices.map((index) => ({ image: imageOf(index), prompt })),
      { maxNewTokens: CAPTION_TOKENS, ...options },
    );
  const own = await captionsOf((index) => index);
  const swapped = n < 2 ? indices.map(() => '') : await captionsOf((index) => (index + (n >> 1)) % n);
  const all = indices.map((index) => [...references(index)]);
  const results = indices.map((image): CaptionResult => {
    const caption = own[image]!;
    return {
      image,
      caption,
      reference: all[image]![0]!,
      swapped: swapped[image]!,
      exact: isExact(caption, all[image]!),
    };
  });
  return {
    cider: cider(own, all).score,
    ciderSwapped: cider(swapped, all).score,
    bleu: bleu(own, all),
    rougeL: rougeL(own, all).score,
    exact: exactShare(results),
    n,
    results,
  };
}

/** The share of images whose caption equals one of the references, without CIDEr. */
export interface SingleScores {
  readonly exact: number;
  /** The number of images. */
  readonly n: number;
  readonly results: Omit<CaptionResult, 'swapped'>[];
}

/** Captions every image and counts the captions that equal one of the references. */
export async function evaluateExact(
  model: PromptedModel,
  { features, references }: CaptionData,
  { prompt = model.prompts.caption, ...options }: CaptionEvalOptions = {},
): Promise<SingleScores> {
  const inputs = Array.from({ length: features.length }, (_, image) => ({ image, prompt }));
  const captions = await generateShared(model, features, inputs, { maxNewTokens: CAPTION_TOKENS, ...options });
  const all = inputs.map(({ image }) => [...references(image)]);
  const results = inputs.map(({ image }) => {
    const caption = captions[image]!;
    return { image, caption, reference: all[image]![0]!, exact: isExact(caption, all[image]!) };
  });
  return { exact: exactShare(results), n: inputs.length, results };
}

function isExact(caption: string, references: readonly string[]): boolean {
  const plain = (text: string): string => captionProcessor(text).trim();
  return references.some((one) => plain(one) === plain(caption));
}

const exactShare = (results: readonly { readonly exact: boolean }[]): number =>
  results.length === 0 ? 0 : results.filter(({ exact }) => exact).length / results.length;
