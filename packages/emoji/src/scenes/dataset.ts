import type { Dataset, DecodedImage } from '@blip2/data';
import type { DrawingsOptions } from '../drawings.js';
import { type Split, splits, type Vendor } from '../vendors.js';
import { renderScene } from './paint.js';
import { type Scene, scene } from './scene.js';
import { loadSprites } from './sprites.js';
import { loadNouns, type Noun } from './vocabulary.js';

/** A scene with its image. */
export interface SceneItem extends Scene {
  readonly image: DecodedImage;
}

/** Scenes of a seed; see {@link sceneDataset}. */
export interface SceneDataset extends Dataset<SceneItem> {
  readonly split: Split;
  readonly seed: number;
  /** Returns a scene without its image. @throws RangeError for an index outside the data set */
  metadata(index: number): Scene;
  /** Renders a scene. @throws RangeError for an index outside the data set */
  get(index: number): SceneItem;
}

/** Options of {@link sceneDataset}. */
export interface SceneOptions extends Omit<DrawingsOptions, 'channels'> {
  /** Whose drawings are shown. Default: the split's. */
  readonly vendors?: readonly Vendor[];
  /** What scenes show. Default: {@link loadNouns}. */
  readonly nouns?: readonly Noun[];
  /**
   * Draws each group by the vendor so many places further in `vendors`, all else alike: another drawing of the same scene.
   * Default 0.
   */
  readonly vendorShift?: number;
  /** Number of scenes. */
  readonly count: number;
  /** Random seed. Default 0. */
  readonly seed?: number;
}

/** Creates a data set of the first `count` scenes of a seed, each rendered when it is fetched. */
export async function sceneDataset(split: Split, options: SceneOptions): Promise<SceneDataset> {
  const { size, count, seed = 0, vendors = splits[split], nouns = loadNouns(), vendorShift = 0 } = options;
  const sprites = await loadSprites({ ...options, size: Math.max(112, size), vendors, nouns });
  const metadata = (index: number): Scene => {
    if (!(index >= 0 && index < count)) throw new RangeError(`Scene ${index} does not exist: there are ${count}.`);
    const described = scene(index, { seed, split, vendors, nouns });
    if (vendorShift === 0) return described;
    const next = (vendor: Vendor) => vendors[(vendors.indexOf(vendor) + vendorShift) % vendors.length]!;
    return { ...described, layout: described.layout.map((placed) => ({ ...placed, vendor: next(placed.vendor) })) };
  };
  const get = (index: number) => {
    const described = metadata(index);
    return { ...described, image: renderScene(described, sprites, size) };
  };
  return { split, seed, length: count, metadata, get };
}
