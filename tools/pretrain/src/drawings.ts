import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** The studios whose drawings `@blip2/emoji` trains on, then other coloured icon sets. Noto is in neither. */
export const STUDIOS = ['openmoji', 'twemoji', 'fluent-emoji', 'fluent-emoji-flat'] as const;
export const OTHERS = ['emojione', 'emojione-v1', 'fxemoji', 'streamline-emojis', 'flat-color-icons'] as const;

export interface Drawing {
  readonly set: string;
  readonly name: string;
  /** The inside of an SVG whose view box is `0 0 width height`. */
  readonly body: string;
  readonly width: number;
  readonly height: number;
}

interface IconSet {
  readonly icons: Record<string, { body: string; width?: number; height?: number; hidden?: boolean }>;
  readonly width?: number;
  readonly height?: number;
}

/** How the sets name their skin-tone variants. */
const SKIN_TONE = /skin-tone|(light|medium|dark)-skin|-tone\d|-(medium-)?(light|dark)$|-medium$/;

/** Every drawing of an icon set but its skin-tone variants. */
export function drawingsOf(set: string): Drawing[] {
  const path = require.resolve(`@iconify-json/${set}/icons.json`);
  const { icons, width = 16, height = 16 } = JSON.parse(readFileSync(path, 'utf8')) as IconSet;
  return Object.entries(icons)
    .filter(([name, icon]) => !icon.hidden && !SKIN_TONE.test(name))
    .map(([name, icon]) => ({ set, name, body: icon.body, width: icon.width ?? width, height: icon.height ?? height }));
}
