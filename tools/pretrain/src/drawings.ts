import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { normalizeCode } from '@blip2/emoji';

const require = createRequire(import.meta.url);

/** The vendors whose drawings `@blip2/emoji` trains on, then other colored icon sets. Noto is in neither. */
export const VENDORS = ['openmoji', 'twemoji', 'fluent-emoji', 'fluent-emoji-flat'] as const;
export const OTHERS = [
  'emojione',
  'emojione-v1',
  'streamline-emojis',
  'fluent-emoji-high-contrast',
  'flat-color-icons',
] as const;
/** Firefox OS: by it checkpoints and hyperparameters are chosen. No model is trained on it. */
export const VALIDATION = 'fxemoji';

export interface Drawing {
  readonly set: string;
  readonly name: string;
  /** The code points of the emoji that it draws, joined by '-'; undefined for other icons. */
  readonly code: string | undefined;
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

/** The emoji that at least two sets draw, each as the places of its drawings: which of them show the same. */
export function sameEmoji(drawings: readonly Drawing[]): number[][] {
  const byCode = new Map<string, number[]>();
  for (const [i, { code }] of drawings.entries()) {
    if (code === undefined) continue;
    const same = byCode.get(code);
    if (same) same.push(i);
    else byCode.set(code, [i]);
  }
  return [...byCode.values()].filter((same) => new Set(same.map((i) => drawings[i]?.set)).size > 1);
}

/** How the sets name their skin-tone variants. */
const SKIN_TONE = /skin-tone|(light|medium|dark)-skin|-tone\d|-(medium-)?(light|dark)$|-medium$/;

/** Every drawing of an icon set but its skin-tone variants, among which the names alone count others: 'police-car-light'. */
export const drawingsOf = (set: string): Drawing[] => allDrawingsOf(set).filter(({ name }) => !SKIN_TONE.test(name));

/** Every drawing of an icon set. */
export function allDrawingsOf(set: string): Drawing[] {
  const { icons, width = 16, height = 16 } = read<IconSet>(set, 'icons.json');
  return Object.entries(icons)
    .filter(([, icon]) => !icon.hidden)
    .map(([name, icon]) => ({
      set,
      name,
      code: codes().get(name),
      body: icon.body,
      width: icon.width ?? width,
      height: icon.height ?? height,
    }));
}

let known: Map<string, string> | undefined;

/** The code of the emoji that an icon's name stands for. Only these sets say; the others use the same names. */
function codes(): Map<string, string> {
  if (known) return known;
  known = new Map();
  for (const set of ['fluent-emoji-flat', 'twemoji', 'openmoji']) {
    const chars = read<Record<string, string>>(set, 'chars.json');
    for (const [code, name] of Object.entries(chars)) known.set(name, normalizeCode(code));
  }
  return known;
}

const read = <T>(set: string, file: string): T =>
  JSON.parse(readFileSync(require.resolve(`@iconify-json/${set}/${file}`), 'utf8')) as T;
