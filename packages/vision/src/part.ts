import type { WeightSource } from '@blip2/tensor';
import { isVitConfig, type VisionConfig } from './config.js';
import { efficientNetPrefix } from './efficientnet/encoder.js';
import { isBehind } from './efficientnet/wheel.js';
import { family } from './families.js';

/** The tensors of a file that belong to the image encoder. */
export interface VisionPart {
  /** Prefix of its names. */
  readonly prefix: string;
  /** Whether a name belongs to it. */
  readonly owns: (name: string) => boolean;
}

/**
 * Finds the tensors of an image encoder in a file of the encoder alone or of a whole model, without the final norm and heads.
 * @param prefix of its names, if known. Default: detected
 */
export function visionPart(source: WeightSource, config: VisionConfig, prefix?: string): VisionPart {
  if (!isVitConfig(config)) {
    const before = prefix ?? efficientNetPrefix(source);
    return { prefix: before, owns: (name) => name.startsWith(before) && !isBehind(name.slice(before.length)) };
  }
  const { prefixes, positions, finalNorm, unused } = family(config.family);
  const before =
    prefix ?? prefixes.find((start) => source.names.has(start + positions.path)) ?? (prefixes[0] as string);
  const others = [`${finalNorm}.`, ...unused];
  return {
    prefix: before,
    owns: (name) => name.startsWith(before) && !others.some((start) => name.startsWith(before + start)),
  };
}
