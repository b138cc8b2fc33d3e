import type { Random } from '../random.js';
import type { Color } from '../render.js';

/** What lies behind a scene: one color, or two that run into each other along a direction. */
export interface Background {
  readonly from: Color;
  readonly to: Color;
  /** Direction of the gradient in radians, 0 to the right. */
  readonly angle: number;
}

export function randomBackground(random: Random): Background {
  const from = pale(random);
  const to = random.below(2) === 0 ? from : pale(random);
  return { from, to, angle: random.between(0, 2 * Math.PI) };
}

/** A light color, on which every drawing stands out. */
function pale(random: Random): Color {
  const [hue, saturation, lightness] = [random.between(0, 12), random.between(0.2, 0.8), random.between(0.76, 0.98)];
  const reach = saturation * Math.min(lightness, 1 - lightness);
  const channel = (n: number) => {
    const k = (n + hue) % 12;
    return Math.round(255 * (lightness - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

/** Fills an image of `size` pixels a side: `[size,size,3]`. */
export function renderBackground({ from, to, angle }: Background, size: number): Uint8Array {
  const data = new Uint8Array(size * size * 3);
  const [dx, dy] = [Math.cos(angle), Math.sin(angle)];
  const scale = 1 / (size * (Math.abs(dx) + Math.abs(dy)));
  for (let y = 0, p = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const t = 0.5 + ((x + 0.5 - size / 2) * dx + (y + 0.5 - size / 2) * dy) * scale;
      for (let c = 0; c < 3; c++) data[p++] = from[c]! + (to[c]! - from[c]!) * t + 0.5;
    }
  }
  return data;
}
