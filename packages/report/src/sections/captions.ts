import { count, decimal, percent } from '../format.js';
import { type Html, html } from '../html.js';
import type { ImageMaker } from '../image.js';
import type { CaptionSample, Captions, ReportData, Singles } from '../types.js';
import { mark, type Section } from './section.js';

/** Renders captioning scores with examples of each split; undefined where there are none. */
export function captionsSection(
  { captions, single, split, known }: Pick<ReportData, 'captions' | 'single' | 'split' | 'known'>,
  toHtml: ImageMaker,
): Section | undefined {
  const parts = [
    { name: split, captions, single },
    { name: known?.name, captions: known?.captions, single: known?.single },
  ].filter((part) => part.captions || part.single);
  if (parts.length === 0) return undefined;
  const body = parts.map(
    (part) => html`${part.captions && ofScenes(part.captions, part.name, toHtml)}
${part.single && ofSingles(part.single, part.name, toHtml)}
`,
  );
  return { id: 'captions', title: 'Captions', body: html`${body}` };
}

const heading = (what: string, name: string | undefined): Html | undefined =>
  name === undefined ? undefined : html`<h3>${what}: ${name}</h3>`;

function ofScenes(
  { cider, ciderSwapped, exact, n, samples }: Captions,
  name: string | undefined,
  toHtml: ImageMaker,
): Html {
  const cards = samples.map((one) =>
    card(
      one,
      html`<dl><dt>reference</dt><dd>${one.reference}</dd>
<dt>from another image’s soft prompt</dt><dd>${one.swapped || html`<em>empty</em>`}</dd>
${one.compared && html`<dt>${one.compared.name}</dt><dd>${one.compared.caption || html`<em>empty</em>`}</dd>`}</dl>`,
      toHtml,
    ),
  );
  return html`${heading('Captions', name)}<table class="scores"><caption>CIDEr over ${count(n)} images (at most 10)${exact !== undefined && html`; ${percent(exact)} of the captions equal a reference`}</caption>
<thead><tr><th scope="col">Soft prompt</th><th scope="col">CIDEr</th></tr></thead>
<tbody><tr><th scope="row">The image’s own</th><td class="main">${decimal(cider)}</td></tr>
<tr class="baseline"><th scope="row">Another image’s</th><td>${decimal(ciderSwapped)}</td></tr></tbody></table>
<p class="hint">The lower row is the same model with the soft prompts of other images: what it scores by language alone.</p>
<ul class="captions">${cards}</ul>`;
}

function ofSingles({ exact, n, samples }: Singles, name: string | undefined, toHtml: ImageMaker): Html {
  const cards = samples.map((one) =>
    card(one, one.exact === false && html`<dl><dt>reference</dt><dd>${one.reference}</dd></dl>`, toHtml),
  );
  return html`${heading('Single objects', name) ?? html`<h3>Single objects</h3>`}<p class="hint">${percent(exact)} of the captions of ${count(n)} images equal a reference.</p>
<ul class="captions">${cards}</ul>`;
}

function card({ image, caption, reference, exact }: CaptionSample, more: Html | false, toHtml: ImageMaker): Html {
  return html`<li><figure>${toHtml(image, reference)}<figcaption>
<p class="said">${caption || html`<em>empty</em>`}${exact !== undefined && html` ${mark(exact)}`}</p>${more}</figcaption></figure></li>
`;
}
