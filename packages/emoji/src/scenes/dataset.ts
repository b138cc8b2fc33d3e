import type { Dataset, DecodedImage } from '@blip2/data';
import type { DrawingsOptions } from '../drawings.js';
import { type Split, splits } from '../vendors.js';
import { renderScene } from './paint.js';
import { type Scene, scene } from './scene.js';
import { loadSprites } from './sprites.js';

export interface SceneItem extends Scene {
  readonly image: DecodedImage;
}

export interface SceneDataset extends Dataset<SceneItem> {
  readonly split: Split;
  readonly seed: number;
  /** Without the image. */
  metadata(index: number): Scene;
  get(index: number): SceneItem;
}

export interface SceneOptions extends Omit<DrawingsOptions, 'vendors' | 'channels'> {
  /** How many scenes. */
  readonly count: number;
  /** Default 0. */
  readonly seed?: number;
}

/** The first `count` scenes of a seed, each painted when it is asked for. */
export async function sceneDataset(split: Split, options: SceneOptions): Promise<SceneDataset> {
  const { size, count, seed = 0 } = options;
  const sprites = await loadSprites({ ...options, size: Math.max(112, size), vendors: splits[split] });
  const metadata = (index: number) => {
    if (!(index >= 0 && index < count)) throw new RangeError(`Scene ${index} does not exist: there are ${count}.`);
    return scene(seed, index, split);
  };
  const get = (index: number) => {
    const described = metadata(index);
    return { ...described, image: renderScene(described, sprites, size) };
  };
  return { split, seed, length: count, metadata, get };
}
