import type { Images } from '../images.js';
import type { Model } from '../model.js';
import { element, field } from '../ui/dom.js';
import { type Maps, multiples, paint } from '../ui/heat.js';
import { preview } from '../ui/preview.js';
import { task } from '../ui/task.js';

/** What the queries attend to in the chosen image, and which parts of it the words of a text are about. */
export function explainPanel(images: Images, model: Model): HTMLElement {
  const text = element('input', { type: 'text', autocomplete: 'off', placeholder: 'a cat above a cup' });
  const run = element('button', { type: 'submit', className: 'main', textContent: 'Explain' });
  const work = task([run]);
  const words = element('section', { hidden: true });
  const queries = element('section', { hidden: true });

  async function explain(): Promise<void> {
    const image = images.chosen;
    if (!image) return;
    await work.run(async ({ signal }) => {
      const loaded = await model.get();
      const given = text.value.trim();
      const found = await loaded.explain(image.file, { signal, ...(given !== '' && { text: given }) });
      const bitmap = await createImageBitmap(toImageData(found.image));
      if (found.text) {
        const { itm, itc, words: maps } = found.text;
        const tiles = maps.words.map((word, i) => ({ label: word, share: maps.shares[i]! }));
        words.replaceChildren(
          element('h3', { textContent: 'Relevance of each word' }),
          element('p', {
            className: 'note',
            textContent: `ITM ${itm.toFixed(3)}, ITC ${itc.toFixed(3)}. Grad-CAM on the attention of the ITM pass: the patches through which a word raises the match. The percentage is its share of all words.`,
          }),
          grid(bitmap, maps, tiles),
        );
      }
      words.hidden = !found.text;
      const count = found.queries.values.length / (found.queries.rows * found.queries.columns);
      queries.replaceChildren(
        element('h3', { textContent: 'Cross-attention of each query' }),
        element('p', {
          className: 'note',
          textContent: `Attention over ${found.queries.rows} × ${found.queries.columns} patches: the mean of all heads and layers. The number is the strongest patch as a multiple of uniform attention.`,
        }),
        grid(
          bitmap,
          found.queries,
          Array.from({ length: count }, (_, i) => ({ label: `Query ${i + 1}` })),
        ),
      );
      queries.hidden = false;
      bitmap.close();
    });
  }

  let shown = images.chosen;
  images.onChange(() => {
    run.disabled = work.busy || !images.chosen;
    if (images.chosen !== shown) words.hidden = queries.hidden = true; // they are of another image
    shown = images.chosen;
  });
  run.disabled = !images.chosen;
  const form = element(
    'form',
    {},
    field('Text (optional)', text, 'With a text, the relevance of each of its words is shown too.'),
    element('div', { className: 'row' }, run),
  );
  form.onsubmit = (event) => {
    event.preventDefault();
    void explain();
  };
  return element(
    'div',
    {},
    preview(images),
    form,
    work.element,
    element('div', { 'aria-live': 'polite' }, words, queries),
  );
}

interface Tile {
  readonly label: string;
  /** Its share of all, 0 to 1. */
  readonly share?: number;
}

/** Painted maps with their labels, on one scale of colors. */
function grid(bitmap: ImageBitmap, maps: Maps, tiles: readonly Tile[]): HTMLElement {
  const all = multiples(maps);
  const top = Math.max(2, ...all.map(({ peak }) => peak));
  const items = tiles.map(({ label, share }, i) => {
    const { values, peak } = all[i]!;
    const canvas = paint(bitmap, maps, { values, top });
    const value = share === undefined ? `${peak.toFixed(1)}×` : `${Math.round(100 * share)} %`;
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `${label}: ${value}, strongest ${placeOf(values, maps)}`);
    const bar = element('div', { className: 'share' }, element('div'));
    (bar.firstChild as HTMLElement).style.width = `${100 * (share ?? 0)}%`;
    return element(
      'li',
      {},
      element(
        'figure',
        {},
        canvas,
        element('figcaption', {}, element('span', { className: 'name', textContent: label }), ` ${value}`),
        share !== undefined && bar,
      ),
    );
  });
  return element('ul', { className: 'results' }, ...items);
}

/** Where in the image the strongest patch is, in words. */
function placeOf(values: Float32Array, { rows, columns }: Pick<Maps, 'rows' | 'columns'>): string {
  const best = values.indexOf(Math.max(...values));
  const third = (at: number, of: number, names: readonly [string, string, string]): string =>
    names[Math.min(2, Math.floor((3 * (at + 0.5)) / of)) as 0 | 1 | 2];
  const vertical = third(Math.floor(best / columns), rows, ['top', 'middle', 'bottom']);
  const horizontal = third(best % columns, columns, ['left', 'center', 'right']);
  return `at the ${vertical} ${horizontal}`;
}

/** Pixels as a canvas takes them. */
function toImageData({ width, height, data }: { width: number; height: number; data: Uint8Array }): ImageData {
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    pixels.data.set(data.subarray(3 * i, 3 * i + 3), 4 * i);
    pixels.data[4 * i + 3] = 255;
  }
  return pixels;
}
