import type { Emoji, Noun } from '@blip2/emoji';
import {
  type EncodeDataOptions,
  type EncodedEmoji,
  type EncodedScenes,
  type EncodedSingles,
  encodeEmoji,
  encodeScenes,
  encodeSingles,
} from './encoded-data.js';

/** Which scenes of the training split, or single drawings, are drawn. */
export interface DrawnChoice {
  readonly seed: number;
  /** What is shown. Default: the nouns that the test asks about. */
  readonly nouns?: readonly Noun[];
  /** Draws each by the vendor so many places further, all else alike. Default 0. */
  readonly vendorShift?: number;
}

/** Draws and encodes the images that models are trained on; see {@link emojiTraining}. */
export interface TrainingImages {
  /** Draws each emoji on white: item i is emoji `i mod n` by vendor `i div n`. */
  emoji(entries: readonly Emoji[]): Promise<EncodedEmoji>;
  /** Draws the first `count` scenes of a seed. */
  scenes(choice: DrawnChoice & { readonly count: number }): Promise<EncodedScenes>;
  /** Draws `variants` images of each noun by each vendor. */
  singles(choice: DrawnChoice & { readonly variants: number }): Promise<EncodedSingles>;
}

/** The images of the training split, by OpenMoji, Twemoji and both Fluent sets. */
export const trainingImages = (options: EncodeDataOptions): TrainingImages => ({
  emoji: (entries) => encodeEmoji('train', { entries }, options),
  scenes: (choice) => encodeScenes('train', choice, options),
  singles: (choice) => encodeSingles('train', choice, options),
});
