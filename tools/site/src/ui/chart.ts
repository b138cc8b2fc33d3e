/** The values of one loss by step. */
export interface Series {
  readonly name: string;
  readonly color: string;
  readonly values: readonly number[];
}

const WIDTH = 640;
const HEIGHT = 240;
const LEFT = 44;
const BOTTOM = 24;
const TOP = 8;

const SVG = 'http://www.w3.org/2000/svg';

function svg(name: string, attributes: Readonly<Record<string, string | number>>, text?: string): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

/** A chart of losses that grows while a training runs: the values, pale, and their running mean. */
export function chart(): { readonly element: SVGElement; draw(series: readonly Series[], steps: number): void } {
  const root = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: 'chart', role: 'img', 'aria-label': 'Losses' });
  return {
    element: root,
    draw(series, steps) {
      const top = Math.max(1e-3, ...series.flatMap(({ values }) => values));
      const x = (step: number): number => LEFT + ((WIDTH - LEFT - 8) * step) / Math.max(1, steps - 1);
      const y = (value: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
      const ticks = [0, top / 2, top].map((value) => [
        svg('line', { x1: LEFT, x2: WIDTH - 8, y1: y(value), y2: y(value), class: 'axis' }),
        svg('text', { x: LEFT - 6, y: y(value) + 4, 'text-anchor': 'end' }, value.toFixed(2)),
      ]);
      const ends = [
        svg('text', { x: LEFT, y: HEIGHT - 6 }, 'step 1'),
        svg('text', { x: WIDTH - 8, y: HEIGHT - 6, 'text-anchor': 'end' }, `step ${steps}`),
      ];
      const line = (values: readonly number[], more: Readonly<Record<string, string | number>>): SVGElement =>
        svg('polyline', {
          points: values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(' '),
          ...more,
        });
      const lines = series.flatMap(({ values, color }) => [
        line(values, { stroke: color, 'stroke-opacity': 0.3 }),
        line(smooth(values), { stroke: color, class: 'smooth' }),
      ]);
      root.replaceChildren(...ticks.flat(), ...ends, ...lines);
      const ranges = series.map(
        ({ name, values }) => `${name} ${values[0]?.toFixed(2)} to ${smooth(values).at(-1)?.toFixed(2)}`,
      );
      root.setAttribute(
        'aria-label',
        `Losses after ${series[0]?.values.length ?? 0} of ${steps} steps: ${ranges.join(', ')}`,
      );
    },
  };
}

/** An exponential running mean. */
function smooth(values: readonly number[]): number[] {
  let mean = values[0] ?? 0;
  return values.map((value) => {
    mean += 0.15 * (value - mean);
    return mean;
  });
}
