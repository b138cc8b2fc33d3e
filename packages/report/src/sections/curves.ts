import { lossChart } from '../chart/chart.js';
import { lossSeries, type Point, type Series, smooth, smoothingWindow } from '../chart/series.js';
import { count, decimal, plural } from '../format.js';
import { type Html, html } from '../html.js';
import type { Curve } from '../types.js';
import type { Section } from './section.js';

const meanings: Readonly<Record<string, string>> = {
  total: 'sum of all terms',
  itc: 'image-text contrastive',
  itm: 'image-text matching',
  itg: 'image-grounded text generation',
  lm: 'language modeling',
  phrases: 'phrases by the soft prompt only',
};

const stages = {
  1: 'Stage 1: vision-language representation learning',
  2: 'Stage 2: vision-to-language generative learning',
};

function row({ name, points }: Series, i: number, window: number): Html {
  const finite = smooth(points, window).filter(({ y }) => Number.isFinite(y));
  const lowest = finite.reduce<Point | undefined>(
    (best, point) => (best && best.y <= point.y ? best : point),
    undefined,
  );
  const cell = (point: Point | undefined) => html`<td>${decimal(point?.y ?? Number.NaN)}</td>`;
  const meaning = meanings[name.toLowerCase()];
  return html`<tr><th scope="row"><span class="swatch s${i % 6}"></span>${name}${meaning && html` <small>${meaning}</small>`}</th>
${cell(finite[0])}${cell(finite.at(-1))}${cell(lowest)}</tr>`;
}

function legend(series: readonly Series[], window: number): Html {
  return html`<table class="legend"><thead><tr><th scope="col">Loss</th><th scope="col">first</th><th scope="col">last</th>
<th scope="col">lowest</th></tr></thead><tbody>${series.map((one, i) => row(one, i, window))}</tbody></table>`;
}

function nonFiniteSteps({ steps }: Curve): number {
  return steps.filter(({ losses }) => !Object.values(losses).every(Number.isFinite)).length;
}

function stage(curve: Curve, i: number): Html {
  const { steps } = curve;
  const window = smoothingWindow(steps.length);
  const series = lossSeries(steps);
  const title = `Losses of stage ${curve.stage}`;
  const description = `${series.map(({ name }) => name).join(', ')} over ${plural(steps.length, 'logged step')}; the table below has first and last values.`;
  const gaps = nonFiniteSteps(curve);
  return html`<figure class="curve"><figcaption><h3>${stages[curve.stage]}</h3></figcaption>
${lossChart(steps, series, { title, description, id: `curve-${i}`, window })}
${legend(series, window)}
<p class="hint">${window > 1 ? `Lines are moving averages over ${count(window)} logged steps; single steps are pale. ` : ''}Below: the learning rate.${
    gaps > 0 && html` <strong>${plural(gaps, 'step')} had a loss that is not a finite number.</strong>`
  }</p></figure>
`;
}

/** Renders the losses of each stage; undefined where there are none. */
export function curvesSection(curves: readonly Curve[]): Section | undefined {
  const shown = curves.filter(({ steps }) => steps.length > 0);
  if (shown.length === 0) return undefined;
  return { id: 'losses', title: 'Losses', body: html`<div class="curves">${shown.map(stage)}</div>` };
}
