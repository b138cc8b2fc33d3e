import type { DecodedImage } from '@blip2/data';
import { renderBackground } from './background.js';
import type { Scene } from './scene.js';
import type { Sprite, Sprites } from './sprites.js';

/** Renders a scene to a square image of `size` pixels with the sprites of its split. */
export function renderScene(scene: Pick<Scene, 'layout' | 'background'>, sprites: Sprites, size: number): DecodedImage {
  const data = renderBackground(scene.background, size);
  for (const { entry, vendor, x, y, size: share } of scene.layout) {
    const sprite = sprites(entry, vendor, Math.round(share * size));
    compositeSprite(sprite, data, {
      size,
      left: Math.round(x * size - sprite.width / 2),
      top: Math.round(y * size - sprite.height / 2),
    });
  }
  return { width: size, height: size, data };
}

/** Composites a sprite over a square image `[size,size,3]` at `left`, `top`, clipped to the image. */
export function compositeSprite(
  sprite: Sprite,
  data: Uint8Array,
  { size, left, top }: { size: number; left: number; top: number },
): void {
  const [x0, x1] = [Math.max(0, -left), Math.min(sprite.width, size - left)];
  const [y0, y1] = [Math.max(0, -top), Math.min(sprite.height, size - top)];
  for (let y = y0; y < y1; y++) {
    let p = ((top + y) * size + left + x0) * 3;
    let q = (y * sprite.width + x0) * 4;
    for (let x = x0; x < x1; x++, p += 3, q += 4) {
      const rest = 1 - sprite.data[q + 3]! / 255;
      for (let c = 0; c < 3; c++) data[p + c] = Math.min(255, sprite.data[q + c]! + data[p + c]! * rest + 0.5);
    }
  }
}
