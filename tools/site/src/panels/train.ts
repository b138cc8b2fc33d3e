import type { TrainedModel } from '@blip2/web';
import { canWriteFolders, writeFolder, zipOf } from '../files/folder.js';
import { saveFile } from '../files/save.js';
import type { Images, PageImage } from '../images.js';
import type { Model } from '../model.js';
import { chart, type Series } from '../ui/chart.js';
import { announce, button, element, field, megabytes } from '../ui/dom.js';
import { task } from '../ui/task.js';

/** Colors of losses, which differ on light and dark paper. */
const colors = ['#c2410c', '#2563eb', '#15803d', '#9333ea'];

/** Training on the images that have captions: captions in, live losses, held-out images before and after, the trained folder out. */
export function trainPanel(images: Images, model: Model): HTMLElement {
  const steps = element('input', {
    type: 'number',
    min: '1',
    max: '100000',
    placeholder: 'automatic',
    inputMode: 'numeric',
  });
  const heldOut = element('input', { type: 'number', min: '0', max: '20', value: '1', inputMode: 'numeric' });
  const words = element('input', { type: 'checkbox', checked: true });
  const start = button('Train', () => train(), { className: 'main' });
  const work = task([start]);
  const summary = element('p');
  const curves = chart();
  const legend = element('div', { className: 'legend' });
  const live = element(
    'section',
    { hidden: true, 'aria-label': 'Losses' },
    element('h3', { textContent: 'Losses' }),
    curves.element,
    legend,
  );
  const comparison = element('section', { hidden: true, 'aria-live': 'polite' });
  const saving = element('section', { hidden: true });

  async function train(): Promise<void> {
    const captioned = images.all.filter(({ captions }) => captions.length > 0);
    const held = captioned.slice(
      captioned.length - Math.min(Number(heldOut.value) || 0, Math.max(0, captioned.length - 2)),
    );
    const examples = captioned.slice(0, captioned.length - held.length);
    saving.hidden = comparison.hidden = live.hidden = true;
    await work.run(async ({ signal, progress }) => {
      if (examples.length < 2)
        throw new Error('Training needs at least two images with captions beside those that are held out.');
      const loaded = await model.get();
      const losses = new Map<string, number[]>();
      const trained = await loaded.train(
        examples.map(({ file, captions }) => ({ image: file, captions })),
        {
          signal,
          heldOut: held.map(({ file }) => file),
          ...(Number(steps.value) > 0 && { steps: Number(steps.value) }),
          ...(words.checked && loaded.info.adapters && { lora: 8 }),
          onEncoded: (done, total) => progress(done, total, `${done} of ${total} images encoded`),
          onBefore: (before) => compare(held, before, undefined),
          onStep: (step) => {
            progress(step.step, step.steps, `Step ${step.step} of ${step.steps}`);
            for (const [name, value] of Object.entries(step.losses))
              losses.set(name, [...(losses.get(name) ?? []), value]);
            draw(losses, step.steps);
          },
        },
      );
      compare(
        held,
        trained.heldOut.map(({ before }) => before),
        trained.heldOut.map(({ after }) => after),
      );
      offer(trained);
      announce('The training is done.');
    });
  }

  function draw(losses: ReadonlyMap<string, readonly number[]>, total: number): void {
    const terms = [...losses].filter(([name]) => name !== 'total' || losses.size !== 2); // the only term is the total
    const series: Series[] = terms.map(([name, values], i) => ({ name, values, color: colors[i % colors.length]! }));
    curves.draw(series, total);
    legend.replaceChildren(
      ...series.map(({ name, color, values }) => {
        const key = element('span', { textContent: `${name} ${values.at(-1)!.toFixed(3)}` });
        key.style.borderLeft = `1rem solid ${color}`;
        key.style.paddingLeft = '0.375rem';
        return key;
      }),
    );
    live.hidden = false;
  }

  function compare(held: readonly PageImage[], before: readonly string[], after: readonly string[] | undefined): void {
    if (held.length === 0) return;
    const cell = (text: string | undefined): HTMLElement => element('td', { textContent: text ?? '…' });
    comparison.replaceChildren(
      element('h3', { textContent: 'Held-out images, before and after' }),
      element(
        'div',
        { className: 'scroll', tabIndex: 0, role: 'group', 'aria-label': 'Held-out images' },
        element(
          'table',
          { className: 'held-out' },
          element(
            'thead',
            {},
            element(
              'tr',
              {},
              ...['Image', 'Before', 'After', 'Its caption'].map((name) =>
                element('th', { scope: 'col', textContent: name }),
              ),
            ),
          ),
          element(
            'tbody',
            {},
            ...held.map((image, i) =>
              element(
                'tr',
                {},
                element('th', { scope: 'row' }, element('img', { src: image.url, alt: image.name })),
                cell(before[i]),
                cell(after?.[i]),
                cell(image.captions[0]),
              ),
            ),
          ),
        ),
      ),
    );
    comparison.hidden = false;
  }

  function offer({ files, steps: made }: TrainedModel): void {
    const bytes = Object.values(files).reduce((sum, { size }) => sum + size, 0);
    const note = element('p', { className: 'note', role: 'status' });
    const failing = (action: () => Promise<void>) => (): Promise<void> =>
      action().catch((error: Error) => {
        note.textContent = error.message;
      });
    const zip = button(
      'Save as .zip',
      failing(async () => saveFile('blip2-trained.zip', await zipOf(files, 'blip2-trained'))),
    );
    const folder = button(
      'Save into a folder',
      failing(async () => {
        const name = await writeFolder(files);
        if (name !== undefined) note.textContent = `It is saved in the folder ${name}.`;
      }),
      { hidden: !canWriteFolders() },
    );
    const use = button('Use it on this page', () => {
      model.choose({ name: 'Trained here', source: files, bytes });
      void model.get().catch(() => {});
    });
    saving.replaceChildren(
      element('h3', { textContent: 'The trained model' }),
      element('p', {
        textContent: `${made} steps, ${megabytes(bytes)}. The command line reads it: blip2 caption photos/ --model blip2-trained`,
      }),
      element('div', { className: 'row' }, zip, folder, use),
      note,
    );
    saving.hidden = false;
  }

  const list = captionInputs(images);
  images.onChange(() => {
    const captioned = images.all.filter(({ captions }) => captions.length > 0).length;
    summary.textContent =
      images.all.length === 0
        ? 'Choose or drop a folder of images. Their captions are read from captions.jsonl, captions.csv, or cat.txt beside cat.jpg; or write them here.'
        : `${captioned} of ${images.all.length} images have captions.`;
    start.disabled = work.busy || captioned < 2;
  });
  images.changed();
  return element(
    'div',
    {},
    summary,
    list,
    element(
      'details',
      {},
      element('summary', {}, 'Settings'),
      field('Steps', steps, 'Default: 200, or five passes over many images.'),
      field(
        'Images that are held out',
        heldOut,
        'The last of those with captions: captioned before and after, and not trained on.',
      ),
      field(
        'Teach the language model new words',
        words,
        'Trains low-rank adapters (LoRA) too, where the model takes them.',
      ),
    ),
    element('div', { className: 'row' }, start),
    work.element,
    live,
    comparison,
    saving,
  );
}

/** The captions of the images, to be read and written. */
function captionInputs(images: Images): HTMLElement {
  const list = element('div', { className: 'examples' });
  const rows = new Map<PageImage, HTMLElement>();
  const rowOf = (image: PageImage): HTMLElement => {
    const input = element('input', {
      type: 'text',
      value: image.captions.join(' | '),
      autocomplete: 'off',
      'aria-label': `Caption of ${image.name}`,
    });
    input.onchange = () => {
      image.captions = input.value
        .split('|')
        .map((text) => text.trim())
        .filter((text) => text !== '');
      images.changed();
    };
    return element(
      'div',
      { className: 'example' },
      element('img', { src: image.url, alt: '', loading: 'lazy', decoding: 'async' }),
      input,
    );
  };
  const details = element(
    'details',
    { hidden: true },
    element('summary', {}, 'Captions'),
    element('small', { textContent: 'Several captions of an image are separated by |.' }),
    list,
  );
  images.onChange(() => {
    details.hidden = images.all.length === 0;
    for (const known of rows.keys()) if (!images.all.includes(known)) rows.delete(known);
    for (const image of images.all) if (!rows.has(image)) rows.set(image, rowOf(image));
    if (list.children.length !== rows.size || [...rows.values()].some((row, i) => list.children[i] !== row)) {
      list.replaceChildren(...rows.values());
    }
  });
  return details;
}
