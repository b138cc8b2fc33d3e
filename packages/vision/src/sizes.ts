import { isVitConfig, type VisionConfig, type VitConfig } from './config.js';
import type { EfficientNetConfig } from './efficientnet/config.js';
import { networkOf } from './efficientnet/network.js';
import { gridOf } from './spec.js';

/** The number of features N of an image of the config's size. */
export function visionTokens(config: VisionConfig): number {
  if (isVitConfig(config)) {
    const [rows, columns] = gridOf(config.imageSize, config.patchSize);
    return 1 + rows * columns;
  }
  const [rows, columns] = config.imageSize.map((side) => placesOf(side, config));
  return (rows as number) * (columns as number);
}

/** Estimates how many values encoding one image holds at once besides the parameters. */
export function visionWorking(config: VisionConfig): number {
  return isVitConfig(config) ? vitWorking(config) : efficientNetWorking(config);
}

/** One block: input, norm, queries, keys, values, context, and the feed-forward network's hidden layer. */
const vitWorking = (config: VitConfig): number =>
  visionTokens(config) * (7 * config.hiddenSize + 2 * config.intermediateSize);

/** One block: input, output, and its inner maps before and after activation. */
function efficientNetWorking(config: EfficientNetConfig): number {
  const { stem, blocks } = networkOf(config);
  const area = (divisor: number): number =>
    config.imageSize.map((side) => Math.ceil(side / divisor)).reduce((a, b) => a * b);
  let reached = 2;
  let most = area(reached) * 2 * stem + area(1) * 3;
  for (const { input, inner, output, stride } of blocks) {
    const above = area(reached);
    reached *= stride;
    most = Math.max(most, above * (input + 2 * inner) + area(reached) * (2 * inner + output));
  }
  return most;
}

/** Positions along one side of the feature map. */
function placesOf(side: number, config: EfficientNetConfig): number {
  return networkOf(config).blocks.reduce((length, { stride }) => Math.ceil(length / stride), Math.ceil(side / 2));
}
