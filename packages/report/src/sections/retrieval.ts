import { count, ordinal, percent } from '../format.js';
import { type Html, html } from '../html.js';
import type { ImageMaker } from '../image.js';
import type { Recall, Retrieval } from '../types.js';
import { mark, type Section, scrollable } from './section.js';

function recallRow(name: string, { r1, r5, r10 }: Recall, className = ''): Html {
  return html`<tr class="${className}"><th scope="row">${name}</th>${[r1, r5, r10].map((r) => html`<td class="main">${percent(r)}</td>`)}</tr>`;
}

function scores({ candidates, i2t, t2i }: Retrieval): Html {
  const chance = (k: number) => Math.min(1, k / candidates);
  return html`<table class="scores"><caption>Recall at 1, 5 and 10 among ${count(candidates)} candidates</caption>
<thead><tr><th scope="col">Query</th><th scope="col">R@1</th><th scope="col">R@5</th><th scope="col">R@10</th></tr></thead>
<tbody>${recallRow('Image to text', i2t)}${recallRow('Text to image', t2i)}
${recallRow('Chance', { r1: chance(1), r5: chance(5), r10: chance(10) }, 'baseline')}</tbody></table>`;
}

function place(rank: number | undefined, index: number): string {
  if (rank !== undefined) return ordinal(rank);
  return index >= 0 ? ordinal(index + 1) : 'not shown';
}

function ranks(length: number): Html[] {
  return Array.from({ length }, (_, k) => html`<th scope="col">${ordinal(k + 1)}</th>`);
}

/** Fills short rows with an empty cell, so that the last column is aligned. */
function rest(cells: number): Html | false {
  return cells > 0 && html`<td colspan="${cells}"></td>`;
}

function byText({ byText: queries }: Retrieval, toHtml: ImageMaker): Html {
  const columns = Math.max(0, ...queries.map(({ found }) => found.length));
  const rows = queries.map(({ text, right, found, labels, rank }) => {
    const cells = found.map((image, k) => {
      const what = labels?.[k] ?? `${ordinal(k + 1)} image found for ${text}`;
      return html`<td>${toHtml(image, k === right ? `${what}, the correct one` : what, k === right ? 'right' : undefined)}</td>`;
    });
    return html`<tr><th scope="row">${text}</th>${cells}${rest(columns - found.length)}<td class="place">${place(rank, right)}</td></tr>
`;
  });
  return html`<h3>Text to image</h3>
<p class="hint">The images with the highest scores, best first; the correct one is framed. The last column has its rank.</p>
${scrollable('Images found for texts', html`<table class="sheet"><thead><tr><th scope="col">Text</th>${ranks(columns)}<th scope="col">Rank of the correct image</th></tr></thead><tbody>${rows}</tbody></table>`)}`;
}

function byImage({ byImage: queries }: Retrieval, toHtml: ImageMaker): Html {
  const cards = queries.map(({ image, label, found, rank }) => {
    const at = place(
      rank,
      found.findIndex(({ right }) => right),
    );
    return html`<li>${toHtml(image, label)}<div><h4>${label}</h4><ol>${found.map(
      ({ text, right }) => html`<li${right && html` class="right"`}>${text}${right && mark(true)}</li>`,
    )}</ol><p class="hint">rank of the correct text: ${at}</p></div></li>
`;
  });
  return html`<h3>Image to text</h3>
<p class="hint">Each image with its own text, and below it the texts with the highest scores, best first.</p>
<ul class="cards">${cards}</ul>`;
}

/** Renders retrieval scores with examples; undefined where there are none. */
export function retrievalSection(retrieval: Retrieval | undefined, toHtml: ImageMaker): Section | undefined {
  if (!retrieval) return undefined;
  const body = html`${scores(retrieval)}${retrieval.byText.length > 0 && byText(retrieval, toHtml)}
${retrieval.byImage.length > 0 && byImage(retrieval, toHtml)}`;
  return { id: 'retrieval', title: 'Retrieval', body };
}
