import type { Font, Path } from 'opentype.js';
import { element } from './svg.js';

/** How a line of text is set. */
export interface TextStyle {
  /** Height of an em in pixels. */
  readonly size: number;
  readonly weight?: Weight;
  readonly fill: string;
}

type Weight = 400 | 600;

/** Where a line stands: its baseline, and its left or, with `align: 'right'`, its right end. */
export interface TextPosition {
  readonly x: number;
  readonly y: number;
  readonly align?: 'left' | 'right' | 'center';
  /** A longer line is cut and ends in an ellipsis. */
  readonly maxWidth?: number;
}

/** Sets text as outlines, so that the result needs no font. */
export interface Typeface {
  /** The length of a line in pixels. */
  width(text: string, style: TextStyle): number;
  /** A line as one SVG path. */
  line(text: string, style: TextStyle, position: TextPosition): string;
  /** Breaks a text into at most `lines` lines of at most `width` pixels; the last one is cut where more is left. */
  wrap(text: string, style: TextStyle, limits: { readonly width: number; readonly lines: number }): string[];
}

/** Parts of Inter by script, the most frequent one first. */
const subsets = ['latin', 'latin-ext', 'greek', 'cyrillic', 'vietnamese', 'cyrillic-ext', 'greek-ext'] as const;

const weights: readonly Weight[] = [400, 600];

/** Marks that take no space of their own: variation selectors, joiners and controls. */
const INVISIBLE = /\p{Cc}|\p{Cf}|\p{Variation_Selector}/u;

/**
 * Opens Inter with the scripts that `texts` need: Latin, Greek, Cyrillic and Vietnamese. Characters of other scripts become
 * boxes. In Node only, where the font's package lies on disk.
 */
export async function openTypeface(texts: readonly string[]): Promise<Typeface> {
  const wanted = new Set(texts.flatMap((text) => [...text]).filter((char) => !INVISIBLE.test(char)));
  const fonts = new Map<Weight, Font[]>(weights.map((weight) => [weight, []]));
  for (const subset of subsets) {
    if (wanted.size === 0) break;
    for (const weight of weights) fonts.get(weight)!.push(await openFont(subset, weight));
    for (const char of wanted) if (hasGlyph(fonts.get(400)!.at(-1)!, char)) wanted.delete(char);
  }
  return typefaceOf(fonts);
}

const hasGlyph = (font: Font, char: string): boolean => font.charToGlyphIndex(char) > 0;

const opened = new Map<string, Promise<Font>>();

function openFont(subset: string, weight: Weight): Promise<Font> {
  const name = `inter-${subset}-${weight}-normal.woff`;
  const known = opened.get(name) ?? readFont(name);
  opened.set(name, known);
  return known;
}

async function readFont(name: string): Promise<Font> {
  const [{ readFile }, { createRequire }, library] = await Promise.all([
    import('node:fs/promises'),
    import('node:module'),
    import('opentype.js'),
  ]);
  const bytes = await readFile(createRequire(import.meta.url).resolve(`@fontsource/inter/files/${name}`));
  const { parse } = 'default' in library ? (library.default as typeof library) : library; // CommonJS in Node
  return parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/** What stands for a character that the font lacks, in ems. */
const BOX = { width: 0.6, left: 0.06, top: 0.72, stroke: 0.06 } as const;

function typefaceOf(fonts: ReadonlyMap<Weight, readonly Font[]>): Typeface {
  const fontOf = (char: string, weight: Weight): Font | undefined =>
    fonts.get(weight)!.find((font) => hasGlyph(font, char));

  const advance = (char: string, { size, weight = 400 }: TextStyle): number => {
    const font = fontOf(char, weight);
    return size * (font ? font.charToGlyph(char).advanceWidth! / font.unitsPerEm : BOX.width);
  };

  const width = (text: string, style: TextStyle): number =>
    visible(text).reduce((sum, char) => sum + advance(char, style), 0);

  function cut(text: string, style: TextStyle, maxWidth: number): string {
    if (width(text, style) <= maxWidth) return text;
    const chars = visible(text);
    while (chars.length > 0 && width(`${chars.join('').trimEnd()}…`, style) > maxWidth) chars.pop();
    return `${chars.join('').trimEnd()}…`;
  }

  function line(text: string, style: TextStyle, { x, y, align = 'left', maxWidth }: TextPosition): string {
    const shown = maxWidth === undefined ? text : cut(text, style, maxWidth);
    const length = width(shown, style);
    let left = x - { left: 0, center: length / 2, right: length }[align];
    let d = '';
    for (const char of visible(shown)) {
      const font = fontOf(char, style.weight ?? 400);
      d += font ? outline(font.charToGlyph(char).getPath(left, y, style.size)) : box(left, y, style.size);
      left += advance(char, style);
    }
    return d === '' ? '' : element('path', { d, fill: style.fill });
  }

  function wrap(text: string, style: TextStyle, limits: { width: number; lines: number }): string[] {
    const words = text.trim().split(/\s+/);
    const lines: string[] = [];
    while (words.length > 0) {
      if (lines.length === limits.lines - 1) return [...lines, cut(words.join(' '), style, limits.width)];
      let taken = 1;
      while (taken < words.length && width(words.slice(0, taken + 1).join(' '), style) <= limits.width) taken++;
      lines.push(cut(words.splice(0, taken).join(' '), style, limits.width));
    }
    return lines;
  }

  return { width, line, wrap };
}

const visible = (text: string): string[] => [...text.replace(/\s/g, ' ')].filter((char) => !INVISIBLE.test(char));

/** A path's data with two decimals. (The library's own drops the separator before a negative number that rounds to zero.) */
const outline = ({ commands }: Path): string =>
  commands
    .map((command) => {
      if (command.type === 'Z') return 'Z';
      const { x, y } = command;
      const controls = command.type === 'C' ? [command.x1, command.y1, command.x2, command.y2] : [];
      const control = command.type === 'Q' ? [command.x1, command.y1] : [];
      return command.type + [...controls, ...control, x, y].map(rounded).join(' ');
    })
    .join('');

const rounded = (value: number): number => Math.round(100 * value) / 100 + 0; // -0 is 0

/** The frame of a box as two rectangles, the inner one turned the other way, which leaves it empty. */
function box(x: number, y: number, size: number): string {
  const [left, right] = [x + BOX.left * size, x + (BOX.width - BOX.left) * size];
  const [top, stroke] = [y - BOX.top * size, BOX.stroke * size];
  const outer = `M${rounded(left)} ${rounded(y)}H${rounded(right)}V${rounded(top)}H${rounded(left)}Z`;
  const inner = `M${rounded(left + stroke)} ${rounded(y - stroke)}V${rounded(top + stroke)}H${rounded(right - stroke)}V${rounded(y - stroke)}Z`;
  return outer + inner;
}
