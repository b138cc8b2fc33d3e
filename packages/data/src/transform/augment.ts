import type { Rng } from '@blip2/tensor';
import type { DecodedImage } from '../image/image.js';
import { autoContrast, brightness, equalize, sharpness } from './color.js';
import { rotate, shear, translate } from './warp.js';

export interface AugmentOptions {
  /** How many operations are drawn, with replacement. Default 2. */
  readonly count?: number;
  /** Their strength, of 10. Default 5. */
  readonly level?: number;
  /** How likely each drawn one is applied. Default 0.5. */
  readonly probability?: number;
}

type Operation = (image: DecodedImage, strength: number, random: Rng) => DecodedImage;

const signed = (size: number, random: Rng): number => (random() > 0.5 ? -size : size);
const enhance = (strength: number): number => strength * 1.8 + 0.1;

/** By LAVIS' names; `strength` is the level over 10. */
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

/** LAVIS' RandomAugment over its list for images (spec 5.1), as a pure function of image and random numbers. */
export function randomAugment(options: AugmentOptions = {}): (image: DecodedImage, random: Rng) => DecodedImage {
  const { count = 2, level = 5, probability = 0.5 } = options;
  const list: readonly Operation[] = Object.values(augmentOperations);
  return (image, random) => {
    const drawn = Array.from({ length: count }, () => list[Math.floor(random() * list.length)]!);
    return drawn.reduce((p, operation) => (random() > probability ? p : operation(p, level / 10, random)), image);
  };
}
