import { count, decimal } from '../format.js';
import { html } from '../html.js';
import type { ImageMaker } from '../image.js';
import type { Captions } from '../types.js';
import type { Section } from './section.js';

/** Renders captioning scores with examples; undefined where there are none. */
export function captionsSection(captions: Captions | undefined, toHtml: ImageMaker): Section | undefined {
  if (!captions) return undefined;
  const { cider, ciderSwapped, n, samples } = captions;
  const cards = samples.map(
    ({ image, caption, reference, swapped }) => html`<li><figure>${toHtml(image, reference)}<figcaption>
<p class="said">${caption || html`<em>empty</em>`}</p><dl><dt>reference</dt><dd>${reference}</dd>
<dt>from another image’s soft prompt</dt><dd>${swapped || html`<em>empty</em>`}</dd></dl></figcaption></figure></li>
`,
  );
  const body = html`<table class="scores"><caption>CIDEr over ${count(n)} images (at most 10)</caption>
<thead><tr><th scope="col">Soft prompt</th><th scope="col">CIDEr</th></tr></thead>
<tbody><tr><th scope="row">The image’s own</th><td class="main">${decimal(cider)}</td></tr>
<tr class="baseline"><th scope="row">Another image’s</th><td>${decimal(ciderSwapped)}</td></tr></tbody></table>
<p class="hint">The lower row is the same model with the soft prompts of other images: what it scores by language alone.</p>
<ul class="captions">${cards}</ul>`;
  return { id: 'captions', title: 'Captions', body };
}
