import type { DrawingsOptions } from '../drawings.js';
import { type Split, splits } from '../studios.js';
import type { Dataset, Picture } from '../types.js';
import { renderScene } from './paint.js';
import { type Scene, scene } from './scene.js';
import { loadSprites } from './sprites.js';

export interface SceneItem extends Scene {
  readonly picture: Picture;
}

export interface SceneDataset extends Dataset<SceneItem> {
  readonly split: Split;
  readonly seed: number;
  /** Without the picture. */
  about(index: number): Scene;
}

export interface SceneOptions extends Omit<DrawingsOptions, 'studios' | 'channels'> {
  /** How many scenes. */
  readonly count: number;
  /** Default 0. */
  readonly seed?: number;
}

/** The first `count` scenes of a seed, each painted when it is asked for. */
export async function sceneDataset(split: Split, options: SceneOptions): Promise<SceneDataset> {
  const { size, count, seed = 0 } = options;
  const sprites = await loadSprites({ ...options, size: Math.max(112, size), studios: splits[split] });
  const about = (index: number) => {
    if (!(index >= 0 && index < count)) throw new RangeError(`Scene ${index} does not exist: there are ${count}.`);
    return scene(seed, index, split);
  };
  const item = (index: number) => {
    const described = about(index);
    return { ...described, picture: renderScene(described, sprites, size) };
  };
  return { split, seed, length: count, about, item };
}
