import type { Images } from '../images.js';
import type { Model } from '../model.js';
import { button, element, field } from '../ui/dom.js';
import { preview } from '../ui/preview.js';
import { task } from '../ui/task.js';

/** Texts against the chosen image. */
export function matchPanel(images: Images, model: Model): HTMLElement {
  const texts = element('textarea', { rows: 4, placeholder: 'a red apple\na green apple\ntwo apples' });
  const match = button('Match', () => run(), { className: 'main' });
  const work = task([match]);
  const body = element('tbody');
  const table = element(
    'table',
    { hidden: true, className: 'scores' },
    element('caption', {
      textContent: 'Texts, best first. ITM: probability that text and image match. ITC: similarity, −1 to 1.',
    }),
    element(
      'thead',
      {},
      element('tr', {}, ...['Text', 'ITM', 'ITC'].map((name) => element('th', { scope: 'col', textContent: name }))),
    ),
    body,
  );

  async function run(): Promise<void> {
    const image = images.chosen;
    const lines = texts.value
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
    if (!image) return;
    await work.run(async ({ signal }) => {
      if (lines.length === 0) throw new Error('Write at least one text, one a line.');
      const loaded = await model.get();
      const matches = await loaded.match(image.file, lines, { signal });
      const rows = lines.map((text, i) => ({ text, ...matches[i]! })).sort((a, b) => b.itm - a.itm || b.itc - a.itc);
      body.replaceChildren(
        ...rows.map(({ text, itm, itc }) =>
          element(
            'tr',
            {},
            element('th', { scope: 'row', textContent: text }),
            element('td', {}, element('meter', { min: 0, max: 1, value: itm, 'aria-hidden': 'true' }), itm.toFixed(3)),
            element('td', { textContent: itc.toFixed(3) }),
          ),
        ),
      );
      table.hidden = false;
    });
  }

  let shown = images.chosen;
  images.onChange(() => {
    match.disabled = work.busy || !images.chosen;
    if (images.chosen !== shown) table.hidden = true; // the scores are of another image
    shown = images.chosen;
  });
  match.disabled = !images.chosen;
  return element(
    'div',
    {},
    preview(images),
    field('Texts, one a line', texts),
    element('div', { className: 'row' }, match),
    work.element,
    element('div', { 'aria-live': 'polite' }, table),
  );
}
