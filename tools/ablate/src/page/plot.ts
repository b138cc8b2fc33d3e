import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { mean } from '../statistics.js';

const WIDTH = 760;
const MARGIN = 190;
const style = { background: 'white', fontSize: '12px', fontFamily: 'sans-serif' };
const BLUE = '#1f6feb';
const colors = [BLUE, '#d1242f', '#8250df', '#bf8700', '#1a7f37', '#57606a'];

/** Draws a plot as the text of an SVG file. */
function draw(options: Plot.PlotOptions): string {
  const { document } = parseHTML('<html><body></body></html>');
  const figure = Plot.plot({ document, width: WIDTH, style, ...options });
  const svg = figure.tagName.toLowerCase() === 'svg' ? figure : figure.querySelector('svg[viewBox]');
  if (!svg) throw new Error('The plot has no SVG; draw one without legends.');
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return `${svg.outerHTML}\n`;
}

/** The values of a configuration, one for each seed. */
export interface Row {
  readonly name: string;
  readonly values: readonly number[];
}

/** Draws rows of dots, one for each seed, with a line at their mean. */
export function dotPlot(panels: readonly { readonly title: string; readonly rows: readonly Row[] }[]): string {
  const dots = panels.flatMap(({ title, rows }) =>
    rows.flatMap(({ name, values }) => values.map((value) => ({ title, name, value }))),
  );
  const means = panels.flatMap(({ title, rows }) =>
    rows.flatMap(({ name, values }) => (values.length === 0 ? [] : [{ title, name, value: mean(values) }])),
  );
  const names = [...new Set(dots.map(({ name }) => name))];
  const titles = panels.map(({ title }) => title);
  return draw({
    height: 70 + titles.length * (names.length * 20 + 34),
    marginLeft: MARGIN,
    marginRight: 30,
    marginTop: 34,
    x: { label: null, grid: true, nice: true, axis: 'bottom' },
    y: { label: null, domain: names, padding: 0.4 },
    fy: { label: null, axis: null, domain: titles, padding: 0.2 },
    marks: [
      Plot.tickX(means, { x: 'value', y: 'name', fy: 'title', stroke: BLUE, strokeWidth: 2.5 }),
      Plot.dot(dots, { x: 'value', y: 'name', fy: 'title', fill: 'black', fillOpacity: 0.55, r: 3.5 }),
      Plot.text(titles, { fy: (title: string) => title, text: (title: string) => title, ...heading }),
    ],
  });
}

const heading = { frameAnchor: 'top-left', dx: -MARGIN + 12, dy: -20, fontWeight: 'bold' } as const;

/** A named line, with the values of all seeds at each place. */
export interface Line {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly values: readonly number[] }[];
}

/** The names of both axes. */
export interface Axes {
  readonly x: string;
  readonly y: string;
  /** Places of the ticks of x; then they are evenly spaced, as powers are. */
  readonly ticks?: readonly number[];
}

/** Draws lines through the means over seeds, with a dot for each seed and names at their ends. */
export function linePlot(lines: readonly Line[], axes: Axes): string {
  const dots = lines.flatMap(({ name, points }) =>
    points.flatMap(({ x, values }) => values.map((y) => ({ name, x, y }))),
  );
  const means = lines.flatMap(({ name, points }) =>
    points.flatMap(({ x, values }) => (values.length === 0 ? [] : [{ name, x, y: mean(values) }])),
  );
  const values = dots.map(({ y }) => y);
  const gap = LINE * (Math.max(...values) - Math.min(...values));
  const ends = apart(
    lines.flatMap(({ name }) => means.filter((one) => one.name === name).slice(-1)),
    gap,
  );
  const { ticks } = axes;
  return draw({
    height: 340,
    marginLeft: 60,
    marginRight: MARGIN,
    marginBottom: 44,
    x: {
      label: axes.x,
      labelAnchor: 'center',
      labelArrow: 'none',
      ...(ticks
        ? {
            type: 'log' as const,
            domain: [ticks[0] as number, ticks.at(-1) as number],
            ticks: [...ticks],
            tickFormat: (x: number) => `${x}`,
          }
        : {}),
    },
    y: { label: axes.y, grid: true, nice: true },
    color: { domain: lines.map(({ name }) => name), range: colors },
    marks: [
      Plot.line(means, { x: 'x', y: 'y', z: 'name', stroke: 'name', strokeWidth: 2 }),
      Plot.dot(dots, { x: 'x', y: 'y', fill: 'name', r: 2.5, fillOpacity: 0.6 }),
      Plot.text(ends, { x: 'x', y: 'at', text: 'name', fill: 'name', dx: 10, textAnchor: 'start' }),
    ],
  });
}

/** The height of a name, as a share of that of a plot. */
const LINE = 0.06;

/** Moves the names at the ends of lines apart by at least `gap`. */
function apart<T extends { readonly y: number }>(ends: readonly T[], gap: number): (T & { at: number })[] {
  const sorted = [...ends].sort((a, b) => a.y - b.y).map((end) => ({ ...end, at: end.y }));
  sorted.forEach((end, i) => {
    const below = sorted[i - 1];
    if (below && end.at < below.at + gap) end.at = below.at + gap;
  });
  return sorted;
}
