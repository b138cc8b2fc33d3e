import type { Random } from '../random.js';
import type { Color } from '../render.js';

/** The background of a scene: a linear gradient between two colors, which may be equal. */
export interface Background {
  readonly from: Color;
  readonly to: Color;
  /** Direction of the gradient in radians, 0 to the right. */
  readonly angle: number;
}

/** Draws a light background. */
export function randomBackground(random: Random): Background {
  const from = lightColor(random);
  const to = random.below(2) === 0 ? from : lightColor(random);
  return { from, to, angle: random.between(0, 2 * Math.PI) };
}

/** Draws a light color, against which drawings stand out. */
function lightColor(random: Random): Color {
  const [hue, saturation, lightness] = [random.between(0, 12), random.between(0.2, 0.8), random.between(0.76, 0.98)];
  const reach = saturation * Math.min(lightness, 1 - lightness);
  const channel = (n: number) => {
    const k = (n + hue) % 12;
    return Math.round(255 * (lightness - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

/** Renders a background to `[size,size,3]` bytes. */
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
