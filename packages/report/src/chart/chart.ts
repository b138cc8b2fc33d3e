import { count, scientific } from '../format.js';
import { type Html, html } from '../html.js';
import type { CurveStep } from '../types.js';
import { linePath, spread } from './path.js';
import { linear, niceScale, type Scale, tightScale } from './scale.js';
import { downsample, type Point, type Series, smooth } from './series.js';

/** Options of `lossChart`. */
export interface ChartOptions {
  /** The accessible title. */
  readonly title: string;
  /** The accessible description. */
  readonly description: string;
  /** An id that is unique on the page. */
  readonly id: string;
  /** The window of the moving average, in points. */
  readonly window: number;
}

const WIDTH = 520;
const HEIGHT = 330;
const plot = { left: 44, right: 458, top: 12, bottom: 232 };
const rate = { top: 258, bottom: 294 };

function axes(x: Scale, y: Scale): Html {
  return html`<g class="grid">${y.ticks.map(
    (tick) => html`<line x1="${plot.left}" x2="${plot.right}" y1="${y.at(tick)}" y2="${y.at(tick)}"/>`,
  )}</g>
<g class="tick">${y.ticks.map((tick) => html`<text x="${plot.left - 8}" y="${y.at(tick) + 4}" text-anchor="end">${tick}</text>`)}
${x.ticks.map((tick) => html`<text x="${x.at(tick)}" y="${rate.bottom + 16}" text-anchor="middle">${count(tick)}</text>`)}
<text x="${(plot.left + plot.right) / 2}" y="${HEIGHT - 3}" text-anchor="middle">step</text></g>`;
}

function lines(series: Series, i: number, { x, y, window }: { x: Scale; y: Scale; window: number }): Html {
  const path = (points: readonly Point[]) => linePath(downsample(points), x.at, y.at);
  return html`<g class="series s${i % 6}">${window > 1 && html`<path class="each" d="${path(series.points)}"/>`}
<path class="mean" d="${path(smooth(series.points, window))}"/></g>`;
}

/** Names at the right ends of their lines, moved apart. */
function endLabels(series: readonly Series[], y: Scale, window: number): Html {
  const ends = series.flatMap(({ name, points }, i) => {
    const last = smooth(points, window).findLast((point) => Number.isFinite(point.y));
    return last ? [{ name, i, at: y.at(last.y) + 4 }] : [];
  });
  const places = spread(
    ends.map(({ at }) => at),
    14,
    plot.bottom + 4,
  );
  return html`<g class="ends">${ends.map(
    ({ name, i }, k) =>
      html`<text class="s${i % 6}" x="${plot.right + 7}" y="${places[k]?.toFixed(1)}">${name.slice(0, 9)}</text>`,
  )}</g>`;
}

function rates(steps: readonly CurveStep[], x: Scale): Html {
  const points = steps.map(({ step, lr }) => ({ x: step, y: lr }));
  const peak = points.reduce((best, { y }) => (Number.isFinite(y) ? Math.max(best, y) : best), 0);
  const path = linePath(downsample(points), x.at, linear([0, peak], [rate.bottom, rate.top]));
  return html`<g class="rate"><line x1="${plot.left}" x2="${plot.right}" y1="${rate.bottom}" y2="${rate.bottom}"/>
<path d="${path}"/></g><g class="tick"><text x="${plot.left - 8}" y="${rate.top + 4}" text-anchor="end">${scientific(peak)}</text>
<text x="${plot.left - 8}" y="${rate.bottom + 4}" text-anchor="end">0</text>
<text x="${plot.right + 7}" y="${rate.bottom - 4}">rate</text></g>`;
}

/** Losses over steps as lines, the learning rate below on the same steps: one SVG without a script. */
export function lossChart(steps: readonly CurveStep[], series: readonly Series[], options: ChartOptions): Html {
  const { id, title, description, window } = options;
  const values = series.flatMap(({ points }) => smooth(points, window)).filter(({ y }) => Number.isFinite(y));
  const low = values.reduce((least, { y }) => Math.min(least, y), 0);
  const high = values.reduce((most, { y }) => Math.max(most, y), low);
  const y = niceScale(low, high, [plot.bottom, plot.top]);
  const x = tightScale(steps[0]?.step ?? 0, steps.at(-1)?.step ?? 1, [plot.left, plot.right]);
  return html`<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="${id}-t ${id}-d">
<title id="${id}-t">${title}</title><desc id="${id}-d">${description}</desc>
${axes(x, y)}${series.map((one, i) => lines(one, i, { x, y, window }))}${endLabels(series, y, window)}${rates(steps, x)}</svg>`;
}
