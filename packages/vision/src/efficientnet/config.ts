import { fieldsOf, type Json, show } from '@blip2/tensor';
import { LAST_STAGE, type NetworkConfig, stageWidths } from './network.js';

/** An EfficientNet-Lite (Tan and Le 2019, without squeeze-and-excitation and with ReLU6) as an image encoder. */
export interface EfficientNetConfig extends NetworkConfig {
  readonly family: 'efficientnet_lite';
  /** Height and width of the images that memory is planned for; images of other sizes are encoded too. */
  readonly imageSize: readonly [height: number, width: number];
  /** Channels of the position code that is concatenated to the features; 0 for none. */
  readonly positionChannels: number;
  /** Epsilon of the batch norms, for files in which they are not folded into the convolutions. */
  readonly batchNormEpsilon: number;
  /** D, the width of the features, `positionChannels` included. */
  readonly hiddenSize: number;
}

/** Upper bounds of width and depth, beyond any published network. */
const LARGEST_COEFFICIENT = 16;
const LARGEST_SIDE = 4096;
const MOST_POSITION_CHANNELS = 4096;

/**
 * Reads the `config.json` of an EfficientNet-Lite; absent keys have the values of Lite0 at 224 pixels.
 * @throws naming the key whose value is not supported
 */
export function readEfficientNetConfig(json: Json): EfficientNetConfig {
  const { count, positive } = fieldsOf(json, 'vision');
  const coefficient = (field: string): number => {
    const value = positive(field, 1);
    if (value <= LARGEST_COEFFICIENT) return value;
    throw new Error(`The vision config's ${field} must be at most ${LARGEST_COEFFICIENT}, not ${show(value)}.`);
  };
  const positionChannels = count('position_channels', 0, { least: 0, most: MOST_POSITION_CHANNELS });
  if (positionChannels % 4 !== 0) {
    throw new Error(
      `The vision config's position_channels must be a multiple of 4 (sine and cosine of two axes), not ${positionChannels}.`,
    );
  }
  const widthCoefficient = coefficient('width_coefficient');
  const outputStages = stages(json);
  const widths = stageWidths(widthCoefficient);
  return {
    family: 'efficientnet_lite',
    widthCoefficient,
    depthCoefficient: coefficient('depth_coefficient'),
    imageSize: sides(json),
    outputStride: stride(json),
    outputStages,
    positionChannels,
    batchNormEpsilon: positive('batch_norm_eps', 1e-3),
    hiddenSize: outputStages.reduce((sum, stage) => sum + (widths[stage - 1] as number), positionChannels),
  };
}

function stride({ output_stride: value = 32 }: Json): 16 | 32 {
  if (value === 16 || value === 32) return value;
  throw new Error(`The vision config's output_stride must be 16 or 32, not ${show(value)}.`);
}

function stages({ output_stages: value = [LAST_STAGE] }: Json): readonly number[] {
  const known = (stage: unknown, i: number, all: readonly unknown[]): boolean =>
    Number.isInteger(stage) &&
    (stage as number) > ((all[i - 1] as number | undefined) ?? 0) &&
    (stage as number) <= LAST_STAGE;
  if (Array.isArray(value) && value.length > 0 && value.every(known)) return value;
  throw new Error(
    `The vision config's output_stages must be ascending numbers from 1 to ${LAST_STAGE}, such as [5, 7], not ${show(value)}.`,
  );
}

function sides({ image_size: value = 224 }: Json): readonly [number, number] {
  if (Array.isArray(value) && value.length !== 2) {
    throw new Error(`The vision config's image_size must be one number or two, not ${show(value)}.`);
  }
  const [height, width] = Array.isArray(value) ? value : [value, value];
  const side = (image_size: unknown): number =>
    fieldsOf({ image_size }, 'vision').count('image_size', 0, { least: 1, most: LARGEST_SIDE });
  return [side(height), side(width)];
}
