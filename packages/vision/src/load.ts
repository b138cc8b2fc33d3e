import {
  bind,
  compare,
  type LayerNorm,
  layerNormSpec,
  type Mismatches,
  type Tree,
  type WeightSource,
} from '@blip2/tensor';
import { isVitConfig, type VisionConfig, type VitConfig } from './config.js';
import { compareEfficientNet, type EfficientNetEncoder, loadEfficientNet } from './efficientnet/encoder.js';
import { type VitEncoder, visionEncoder } from './encoder.js';
import { family } from './families.js';
import { fusedBiasSource } from './fused-bias.js';
import { visionPart } from './part.js';
import { depth, gridOf, type VisionOptions, type VisionParams, vitSpec } from './spec.js';

/** Options of `loadVisionEncoder`. */
export interface LoadVisionOptions extends VisionOptions {
  /** Prefix of the family's names in the file. Default: detected (`vision_model.`, `vit.`, ..., or none). */
  readonly prefix?: string | undefined;
}

/**
 * Loads a vision transformer. Position embeddings of another resolution than the config's are loaded as they are, and resized
 * to the images that are encoded.
 * @throws BindError listing every missing, unused and mis-shaped tensor, before anything is allocated.
 */
export function loadVisionEncoder(
  source: WeightSource,
  config: VitConfig,
  options?: LoadVisionOptions,
): Promise<VitEncoder>;
export function loadVisionEncoder(
  source: WeightSource,
  config: VisionConfig,
  options?: LoadVisionOptions,
): Promise<VitEncoder | EfficientNetEncoder>;
export async function loadVisionEncoder(
  source: WeightSource,
  config: VisionConfig,
  options: LoadVisionOptions = {},
): Promise<VitEncoder | EfficientNetEncoder> {
  if (!isVitConfig(config)) return loadEfficientNet(source, config, options);
  const { spec, stored, ...binding } = bindingOf(source, config, options);
  const params: Tree = await bind(spec, binding.source, binding.options);
  return visionEncoder(params as VisionParams, stored, options);
}

/** Compares the tensors of a file with those that `loadVisionEncoder` needs; nothing is read or allocated. */
export function compareVision(source: WeightSource, config: VisionConfig, options: LoadVisionOptions = {}): Mismatches {
  if (!isVitConfig(config)) return compareEfficientNet(source, config, options);
  const { spec, ...binding } = bindingOf(source, config, options);
  return compare(spec, binding.source, binding.options);
}

/** How the tensors of a file become the parameters of an encoder. */
function bindingOf(source: WeightSource, config: VitConfig, options: LoadVisionOptions) {
  const names = family(config.family);
  const prefix = options.prefix ?? prefixOf(source, config);
  const stored = { ...config, imageSize: storedSize(source, config, prefix) };
  const blocks = depth(config, options.layer);
  const ignore = (name: string): boolean => {
    const path = name.slice(prefix.length);
    const [, layer] = path.startsWith(`${names.layers}.`)
      ? (/^\.(\d+)\./.exec(path.slice(names.layers.length)) ?? [])
      : [];
    if (layer !== undefined) return Number(layer) >= blocks && Number(layer) < config.layers;
    if (path.startsWith(`${names.finalNorm}.`)) return !options.finalNorm;
    return names.unused.some((start) => path.startsWith(start));
  };
  return { spec: vitSpec(stored, options), stored, source: fusedBiasSource(source), options: { prefix, ignore } };
}

/** Loads the layer norm after the blocks alone: BLIP-2's `ln_vision`, which is trained while the encoder is frozen. */
export async function loadFinalNorm(
  source: WeightSource,
  config: VitConfig,
  options: Pick<LoadVisionOptions, 'prefix'> = {},
): Promise<LayerNorm> {
  const prefix = options.prefix ?? prefixOf(source, config);
  return bind(layerNormSpec(config.hiddenSize), source, { prefix: `${prefix}${family(config.family).finalNorm}.` });
}

function prefixOf(source: WeightSource, config: VitConfig): string {
  return visionPart(source, config).prefix;
}

/** The image that the stored positions are for: the config's, or a square one when their number differs. */
function storedSize(source: WeightSource, config: VitConfig, prefix: string): readonly [number, number] {
  const { positions, classToken } = family(config.family);
  const shape = source.names.get(prefix + positions.path)?.shape ?? [];
  const patches = (shape.at(-2) ?? 0) - (classToken ? 1 : 0);
  const [rows, columns] = gridOf(config.imageSize, config.patchSize);
  const side = Math.sqrt(patches);
  if (patches === rows * columns || !Number.isInteger(side) || side === 0) return config.imageSize;
  return [side * config.patchSize, side * config.patchSize];
}
