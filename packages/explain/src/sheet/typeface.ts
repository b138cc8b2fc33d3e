/** How a line of text is set. */
export interface TextStyle {
  /** Height of an em in pixels. */
  readonly size: number;
  readonly weight?: Weight;
  readonly fill: string;
}

/** Regular or semibold. */
export type Weight = 400 | 600;

/** Where a line stands: its baseline, and its left or, with `align: 'right'`, its right end. */
export interface TextPosition {
  readonly x: number;
  readonly y: number;
  readonly align?: 'left' | 'right' | 'center';
  /** A longer line is cut and ends in an ellipsis. */
  readonly maxWidth?: number;
}

/** Sets text: in Node as outlines, so that the result needs no font; in a browser as text in the font of its pages. */
export interface Typeface {
  /** The length of a line in pixels. */
  width(text: string, style: TextStyle): number;
  /** A line as one SVG element; the empty text where there is nothing to see. */
  line(text: string, style: TextStyle, position: TextPosition): string;
  /** Breaks a text into at most `lines` lines of at most `width` pixels; the last one is cut where more is left. */
  wrap(text: string, style: TextStyle, limits: { readonly width: number; readonly lines: number }): string[];
}

/** Marks that take no space of their own: variation selectors, joiners and controls. */
const INVISIBLE = /\p{Cc}|\p{Cf}|\p{Variation_Selector}/u;

/** What fonts know of a line. */
export interface Setting {
  /** The length of a line in pixels. */
  width(text: string, style: TextStyle): number;
  /** A line whose left end and baseline are given, as one SVG element; the empty text where there is nothing to see. */
  draw(text: string, style: TextStyle, at: { readonly x: number; readonly y: number }): string;
}

/** Makes a typeface of what fonts know of a line: cuts, aligns and breaks. */
export function typefaceOf({ width, draw }: Setting): Typeface {
  function cut(text: string, style: TextStyle, maxWidth: number): string {
    if (width(text, style) <= maxWidth) return text;
    const chars = visible(text);
    while (chars.length > 0 && width(`${chars.join('').trimEnd()}…`, style) > maxWidth) chars.pop();
    return `${chars.join('').trimEnd()}…`;
  }

  function line(text: string, style: TextStyle, { x, y, align = 'left', maxWidth }: TextPosition): string {
    const shown = maxWidth === undefined ? text : cut(text, style, maxWidth);
    const length = width(shown, style);
    return draw(shown, style, { x: x - { left: 0, center: length / 2, right: length }[align], y });
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

/** The characters of a line that take space. */
export const visible = (text: string): string[] =>
  [...text.replace(/\s/g, ' ')].filter((char) => !INVISIBLE.test(char));
