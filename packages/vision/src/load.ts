import { bind, type LayerNorm, layerNormSpec, type Tree, type WeightSource } from '@blip2/tensor';
import { isVitConfig, type VisionConfig, type VitConfig } from './config.js';
import { type EfficientNetEncoder, loadEfficientNet } from './efficientnet/encoder.js';
import { type VitEncoder, visionEncoder } from './encoder.js';
import { family } from './families.js';
import { fusedBiasSource } from './fused-bias.js';
import { visionPart } from './part.js';
import { depth, gridOf, type VisionOptions, type VisionParams, vitSpec } from './spec.js';

export interface LoadVisionOptions extends VisionOptions {
  /** What stands before the family's names in the file. Default: found out (`vision_model.`, `vit.`, ..., or nothing). */
  readonly prefix?: string | undefined;
}

/**
 * Loads a frozen encoder. A file whose positions are for another resolution than the config's is taken as it is; they
 * are resized to whatever pictures come.
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
  const spec = vitSpec(stored, options);
  const params: Tree = await bind(spec, fusedBiasSource(source), { prefix, ignore });
  return visionEncoder(params as VisionParams, stored, options);
}

/** The norm after the blocks by itself: BLIP-2's `ln_vision`, trained while the encoder is frozen. */
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

/** The picture that the stored positions are for: the config's, or a square one when their number differs. */
function storedSize(source: WeightSource, config: VitConfig, prefix: string): readonly [number, number] {
  const { positions, classToken } = family(config.family);
  const shape = source.names.get(prefix + positions.path)?.shape ?? [];
  const patches = (shape.at(-2) ?? 0) - (classToken ? 1 : 0);
  const [rows, columns] = gridOf(config.imageSize, config.patchSize);
  const side = Math.sqrt(patches);
  if (patches === rows * columns || !Number.isInteger(side) || side === 0) return config.imageSize;
  return [side * config.patchSize, side * config.patchSize];
}
