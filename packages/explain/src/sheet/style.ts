import type { TextStyle } from './typeface.js';

/** The width of a sheet, and its measures, in units of the drawing. */
export const WIDTH = 1080;
export const MARGIN = 48;
export const CONTENT = WIDTH - 2 * MARGIN;

export const color = { paper: '#ffffff', ink: '#1d1b26', soft: '#6a6777', line: '#e3e1e9', bar: '#801a60' } as const;

export const text = {
  overline: { size: 12, weight: 600, fill: color.bar },
  title: { size: 30, weight: 600, fill: color.ink },
  section: { size: 20, weight: 600, fill: color.ink },
  body: { size: 13, fill: color.soft },
  score: { size: 26, weight: 600, fill: color.ink },
  label: { size: 13, weight: 600, fill: color.ink },
  value: { size: 12, fill: color.soft },
} satisfies Record<string, TextStyle>;

/** A part of the drawing and its height. */
export interface Block {
  readonly svg: string;
  readonly height: number;
}
