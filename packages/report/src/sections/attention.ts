import { times } from '../format.js';
import { heatColors, paintHeat, queryMaps } from '../heat.js';
import { type Html, html } from '../html.js';
import { fit, type ImageMaker } from '../image.js';
import type { Attention } from '../types.js';
import type { Section } from './section.js';

function panel(attention: Attention, toHtml: ImageMaker, side: number): Html {
  const { image, label, maps } = attention;
  const small = fit(image, side);
  const tiles = queryMaps(attention).map((map, q) => {
    const peak = times(map.peak);
    const alt = `Cross-attention of query ${q + 1} over ${label}: its highest weight is ${peak} the uniform weight`;
    return html`<li><figure>${toHtml(paintHeat(small, map), alt)}<figcaption><span>query ${q + 1}</span> <span>${peak}</span></figcaption></figure></li>`;
  });
  return html`<article class="attention"><h3>${label}</h3><div class="panel">
<figure>${toHtml(image, label)}<figcaption>${maps.rows} × ${maps.columns} patches</figcaption></figure><ol class="maps">${tiles}</ol></div></article>
`;
}

function key(): Html {
  const gradient = heatColors.map((color) => `rgb(${color.join(' ')})`).join(', ');
  return html`<p class="key"><span>uniform weight or less</span><span class="ramp" style="background: linear-gradient(to right, ${gradient})"></span>
<span>highest weight of the query</span></p>`;
}

/** Renders cross-attention maps; undefined where there are none. */
export function attentionSection(
  attention: readonly Attention[],
  { toHtml, side }: { toHtml: ImageMaker; side: number },
): Section | undefined {
  if (attention.length === 0) return undefined;
  const body = html`<p class="lead">Cross-attention over the patches of the image, one map per query. The number under a map is the highest weight in
multiples of the uniform weight; the map of a query with nearly uniform attention is pale.</p>
${key()}${attention.map((one) => panel(one, toHtml, side))}`;
  return { id: 'attention', title: 'Cross-attention of each query', body };
}
