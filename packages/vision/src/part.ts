import type { WeightSource } from '@blip2/tensor';
import { isVitConfig, type VisionConfig } from './config.js';
import { efficientNetPrefix } from './efficientnet/encoder.js';
import { isBehind } from './efficientnet/wheel.js';
import { family } from './families.js';

/** What of a file is the encoder's. */
export interface VisionPart {
  /** What stands before its names. */
  readonly prefix: string;
  readonly owns: (name: string) => boolean;
}

/**
 * Finds an encoder in a file, alone or within a whole model, by names; without the norm after a transformer's blocks, and
 * without heads.
 * @param prefix what stands before its names, if it is known
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
