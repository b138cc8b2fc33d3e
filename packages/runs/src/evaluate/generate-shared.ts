import { type GenerateAllOptions, type GenerationParts, generateTexts } from '@blip2/models';
import { type Communicator, singleProcess } from '@blip2/trainer';
import type { FeatureStore } from '@blip2/training';
import { joinShares, shareOf } from '../distributed.js';

/** Options of generation by several processes. */
export interface SharedGeneration extends GenerateAllOptions {
  /** The processes that generate together, each for its share of the inputs; all get all texts. Default: this one alone. */
  readonly communicator?: Communicator | undefined;
}

/** Inputs that stay on one process: so many are generated at once. */
const TOGETHER = 16;

/** Generates a text for each input, shared among the processes. */
export async function generateShared(
  model: GenerationParts,
  features: FeatureStore,
  inputs: Parameters<typeof generateTexts>[2],
  { communicator = singleProcess, ...options }: SharedGeneration = {},
): Promise<string[]> {
  const own = await generateTexts(model, features, shareOf(inputs, communicator, TOGETHER), options);
  return joinShares(communicator, own, TOGETHER);
}
