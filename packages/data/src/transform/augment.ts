import type { Rng } from '@blip2/tensor';
import type { Picture } from '../picture/picture.js';
import { autoContrast, brightness, equalize, sharpness } from './colour.js';
import { rotate, shear, translate } from './warp.js';

export interface AugmentOptions {
  /** How many operations are drawn, with replacement. Default 2. */
  readonly count?: number;
  /** Their strength, of 10. Default 5. */
  readonly level?: number;
  /** How likely each drawn one is applied. Default 0.5. */
  readonly probability?: number;
}

type Operation = (picture: Picture, strength: number, random: Rng) => Picture;

const signed = (size: number, random: Rng): number => (random() > 0.5 ? -size : size);
const enhance = (strength: number): number => strength * 1.8 + 0.1;

/** By LAVIS' names; `strength` is the level over 10. */
export const operations = {
  Identity: (picture) => picture,
  AutoContrast: autoContrast,
  Brightness: (picture, strength) => brightness(picture, enhance(strength)),
  Sharpness: (picture, strength) => sharpness(picture, enhance(strength)),
  Equalize: equalize,
  ShearX: (picture, strength, random) => shear(picture, signed(strength * 0.3, random), 0),
  ShearY: (picture, strength, random) => shear(picture, 0, signed(strength * 0.3, random)),
  TranslateX: (picture, strength, random) => translate(picture, signed(strength * 10, random), 0),
  TranslateY: (picture, strength, random) => translate(picture, 0, signed(strength * 10, random)),
  Rotate: (picture, strength, random) => rotate(picture, signed(strength * 30, random)),
} as const satisfies Record<string, Operation>;

/** LAVIS' RandomAugment over its list for images (spec 5.1), as a pure function of picture and random numbers. */
export function randomAugment(options: AugmentOptions = {}): (picture: Picture, random: Rng) => Picture {
  const { count = 2, level = 5, probability = 0.5 } = options;
  const list: readonly Operation[] = Object.values(operations);
  return (picture, random) => {
    const drawn = Array.from({ length: count }, () => list[Math.floor(random() * list.length)]!);
    return drawn.reduce((p, operation) => (random() > probability ? p : operation(p, level / 10, random)), picture);
  };
}
