import { toCsv, toTabbed } from '../files/csv.js';
import { saveFile } from '../files/save.js';
import type { Images, PageImage } from '../images.js';
import type { Model } from '../model.js';
import { announce, button, element, field } from '../ui/dom.js';
import { preview } from '../ui/preview.js';
import { task } from '../ui/task.js';

/** Captions: of the chosen image while it is generated, and of all images in a table. */
export function captionPanel(images: Images, model: Model): HTMLElement {
  const text = element('output', { className: 'answer', 'aria-live': 'polite' });
  const prompt = element('input', { type: 'text', placeholder: 'a photo of', autocomplete: 'off' });
  const one = button('Caption this image', () => captionOne(), { className: 'main' });
  const all = button('Caption all images', () => captionAll());
  const work = task([one, all]);
  const options = () => (prompt.value.trim() === '' ? {} : { prompt: prompt.value.trim() });

  async function captionOne(): Promise<void> {
    const image = images.chosen;
    if (!image) return;
    await work.run(async ({ signal }) => {
      const loaded = await model.get();
      let caption = '';
      text.textContent = '';
      text.setAttribute('aria-busy', 'true'); // read as a whole when it is complete
      try {
        for await (const piece of loaded.stream(image.file, { ...options(), signal })) {
          caption += piece;
          text.textContent = caption;
        }
      } finally {
        text.removeAttribute('aria-busy');
      }
      image.caption = caption.trim();
      images.changed();
    });
    show();
  }

  async function captionAll(): Promise<void> {
    await work.run(async ({ signal, progress }) => {
      const loaded = await model.get();
      const wanted = images.all;
      let done = 0;
      const failed: string[] = [];
      for (const image of wanted) {
        progress(done, wanted.length, `${done} of ${wanted.length} captioned`);
        try {
          const { caption } = await loaded.caption(image.file, { ...options(), signal });
          image.caption = caption;
        } catch (error) {
          if (signal.aborted) throw error;
          failed.push(image.name);
        }
        done++;
        images.changed();
      }
      announce(`${done - failed.length} of ${done} images are captioned.`);
      if (failed.length > 0) throw new Error(`Not captioned, because they cannot be read: ${failed.join(', ')}`);
    });
    show();
  }

  const table = captionTable(images);
  const show = (): void => {
    const { chosen, all: every } = images;
    if (!work.busy) text.textContent = chosen?.caption ?? '';
    one.disabled = work.busy || !chosen;
    all.disabled = work.busy || every.length === 0;
    all.textContent = every.length > 1 ? `Caption all ${every.length} images` : 'Caption all images';
  };
  images.onChange(show);
  show();
  return element(
    'div',
    {},
    preview(images),
    text,
    element('div', { className: 'row' }, one, all),
    element(
      'details',
      {},
      element('summary', {}, 'Options'),
      field('Beginning of the caption', prompt, 'The model goes on from it. Leave it empty for the model’s own.'),
    ),
    work.element,
    table,
  );
}

/** The captions of all images, which can be corrected, copied and saved. */
function captionTable(images: Images): HTMLElement {
  const body = element('tbody');
  const rows = new Map<PageImage, { readonly row: HTMLElement; readonly input: HTMLTextAreaElement }>();
  const copied = element('span', { className: 'note', role: 'status' });
  const cells = (): string[][] => [['file', 'caption'], ...images.all.map(({ name, caption = '' }) => [name, caption])];
  const copy = button('Copy', async () => {
    await navigator.clipboard.writeText(toTabbed(cells()));
    copied.textContent = 'Copied.';
  });
  copy.hidden = !navigator.clipboard; // pages without https have none
  const save = button('Save as CSV', () => saveFile('captions.csv', new Blob([toCsv(cells())], { type: 'text/csv' })));
  const section = element(
    'section',
    { hidden: true, 'aria-label': 'Captions of all images' },
    element('h3', { textContent: 'Captions' }),
    element('div', { className: 'row' }, copy, save, copied),
    element(
      'div',
      { className: 'scroll', tabIndex: 0, role: 'group', 'aria-label': 'Table of captions' },
      element(
        'table',
        { className: 'captions' },
        element(
          'thead',
          {},
          element(
            'tr',
            {},
            ...['Image', 'File', 'Caption'].map((name) => element('th', { scope: 'col', textContent: name })),
          ),
        ),
        body,
      ),
    ),
  );
  const rowOf = (image: PageImage) => {
    const input = element('textarea', { rows: 2, 'aria-label': `Caption of ${image.name}` });
    input.oninput = () => {
      image.caption = input.value;
    };
    const thumbnail = element('img', { src: image.url, alt: '', loading: 'lazy', decoding: 'async' });
    const name = element('th', { scope: 'row', textContent: image.name });
    return { input, row: element('tr', {}, element('td', {}, thumbnail), name, element('td', {}, input)) };
  };
  images.onChange(() => {
    section.hidden = !images.all.some(({ caption }) => caption !== undefined);
    if (section.hidden) return;
    copied.textContent = '';
    for (const known of rows.keys()) if (!images.all.includes(known)) rows.delete(known);
    for (const image of images.all) {
      const made = rows.get(image) ?? rowOf(image);
      rows.set(image, made);
      if (document.activeElement !== made.input) made.input.value = image.caption ?? '';
    }
    body.replaceChildren(...images.all.map((image) => rows.get(image)!.row));
  });
  return section;
}
