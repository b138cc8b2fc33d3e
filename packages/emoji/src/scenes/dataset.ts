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
  /** Number of scenes. */
  readonly count: number;
  /** Random seed. Default 0. */
  readonly seed?: number;
}

/** Creates a data set of the first `count` scenes of a seed, each rendered when it is fetched. */
export async function sceneDataset(split: Split, options: SceneOptions): Promise<SceneDataset> {
  const { size, count, seed = 0, vendors = splits[split], nouns = loadNouns() } = options;
  const sprites = await loadSprites({ ...options, size: Math.max(112, size), vendors, nouns });
  const metadata = (index: number) => {
    if (!(index >= 0 && index < count)) throw new RangeError(`Scene ${index} does not exist: there are ${count}.`);
    return scene(index, { seed, split, vendors, nouns });
  };
  const get = (index: number) => {
    const described = metadata(index);
    return { ...described, image: renderScene(described, sprites, size) };
  };
  return { split, seed, length: count, metadata, get };
}
