import type { Rng } from '@blip2/tensor';
import type { DecodedImage } from '../image/image.js';
import { autoContrast, brightness, equalize, sharpness } from './color.js';
import { rotate, shear, translate } from './warp.js';

/** Options of {@link randomAugment}. */
export interface AugmentOptions {
  /** Number of operations drawn for each image, with replacement. Default 2. */
  readonly numOps?: number;
  /** Magnitude of the operations, from 0 to 10. Default 5. */
  readonly magnitude?: number;
  /** Probability that a drawn operation is applied. Default 0.5. */
  readonly probability?: number;
}

/** An operation on an image; `strength` is the magnitude over 10. */
type Operation = (image: DecodedImage, strength: number, random: Rng) => DecodedImage;

const signed = (size: number, random: Rng): number => (random() > 0.5 ? -size : size);
const enhance = (strength: number): number => strength * 1.8 + 0.1;

/** Operations that {@link randomAugment} draws from, by their names in LAVIS; `strength` is the magnitude over 10. */
export const augmentOperations = {
  Identity: (image) => image,
  AutoContrast: autoContrast,
  Brightness: (image, strength) => brightness(image, enhance(strength)),
  Sharpness: (image, strength) => sharpness(image, enhance(strength)),
  Equalize: equalize,
  ShearX: (image, strength, random) => shear(image, signed(strength * 0.3, random), 0),
  ShearY: (image, strength, random) => shear(image, 0, signed(strength * 0.3, random)),
  TranslateX: (image, strength, random) => translate(image, signed(strength * 10, random), 0),
  TranslateY: (image, strength, random) => translate(image, 0, signed(strength * 10, random)),
  Rotate: (image, strength, random) => rotate(image, signed(strength * 30, random)),
} as const satisfies Record<string, Operation>;

/**
 * Creates LAVIS' RandomAugment (`lavis/processors/randaugment.py`, with the operations that its image processors list)
 * as a function of an image and a random number generator.
 */
export function randomAugment(options: AugmentOptions = {}): (image: DecodedImage, random: Rng) => DecodedImage {
  const { numOps = 2, magnitude = 5, probability = 0.5 } = options;
  const list: readonly Operation[] = Object.values(augmentOperations);
  return (image, random) => {
    const drawn = Array.from({ length: numOps }, () => list[Math.floor(random() * list.length)]!);
    return drawn.reduce((p, operation) => (random() > probability ? p : operation(p, magnitude / 10, random)), image);
  };
}
