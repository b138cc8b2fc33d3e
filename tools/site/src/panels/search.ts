import type { WebIndex } from '@blip2/web';
import type { Images, PageImage } from '../images.js';
import type { Model } from '../model.js';
import { announce, button, element, field } from '../ui/dom.js';
import { task } from '../ui/task.js';

/** An index of the images that there were, and the model that it is of. */
interface Indexed {
  readonly index: WebIndex;
  readonly images: readonly PageImage[];
}

/** Search among all images: by a text, or by the chosen image. */
export function searchPanel(images: Images, model: Model): HTMLElement {
  const query = element('input', { type: 'search', autocomplete: 'off', placeholder: 'a red apple' });
  const byText = element('button', { type: 'submit', className: 'main', textContent: 'Search' });
  const byImage = button('Search by the chosen image', () => {
    const { chosen } = images;
    if (chosen) void search({ image: chosen.file }, `Images that are most like ${chosen.name}`);
  });
  const work = task([byText, byImage]);
  const heading = element('h3', { hidden: true });
  const list = element('ol', { className: 'results' });
  let indexed: Promise<Indexed> | undefined;

  const sameImages = (before: readonly PageImage[]): boolean =>
    before.length === images.all.length && before.every((image, i) => image === images.all[i]);

  async function search(wanted: string | { readonly image: Blob }, title: string): Promise<void> {
    await work.run(async ({ signal, progress }) => {
      const loaded = await model.get();
      let known = await indexed?.catch(() => undefined);
      if (!known || !sameImages(known.images)) {
        if (known) loaded.release(known.index);
        const all = images.all;
        const unreadable: string[] = [];
        const making = loaded.index(
          all.map(({ id, file }) => ({ name: String(id), image: file })),
          {
            signal,
            onProgress: (done, total) => progress(done, total, `${done} of ${total} images indexed`),
            onUnreadable: (name) => unreadable.push(name),
          },
        );
        indexed = making.then((index) => ({ index, images: all }));
        known = await indexed;
      }
      const found = await loaded.search(known.index, wanted, { top: 20, signal });
      heading.textContent = title;
      heading.hidden = false;
      list.replaceChildren(
        ...found.flatMap((result) => {
          const image = images.all.find(({ id }) => String(id) === result.image);
          return image ? [resultOf(image, result)] : [];
        }),
      );
      announce(`${found.length} images are found.`);
    });
  }

  const resultOf = (
    image: PageImage,
    { itc, itm, rank }: { itc: number; itm: number | null; rank: number },
  ): HTMLElement => {
    const scores = itm === null ? `ITC ${itc.toFixed(3)}` : `ITM ${itm.toFixed(3)}, ITC ${itc.toFixed(3)}`;
    const choose = element(
      'button',
      { type: 'button', onclick: () => images.choose(image.id) },
      element('img', { src: image.url, alt: '', loading: 'lazy', decoding: 'async' }),
      element('span', { className: 'name', textContent: `${rank}. ${image.name}` }),
      element('small', { textContent: scores }),
    );
    return element('li', {}, choose);
  };

  model.onChange(() => {
    if (model.state.kind === 'none') indexed = undefined; // it was of another model
  });
  const show = (): void => {
    byText.disabled = work.busy || images.all.length === 0;
    byImage.disabled = work.busy || !images.chosen;
    empty.hidden = images.all.length > 0;
    if (images.all.length === 0) {
      list.replaceChildren();
      heading.hidden = true;
    }
  };
  const empty = element('p', { className: 'empty', textContent: 'Add a folder of images to search in it.' });
  images.onChange(show);
  const form = element(
    'form',
    { role: 'search' },
    field('Text', query),
    element('div', { className: 'row' }, byText, byImage),
  );
  form.onsubmit = (event) => {
    event.preventDefault();
    const text = query.value.trim();
    if (text !== '') void search(text, `Images for “${text}”`);
  };
  show();
  return element('div', {}, empty, form, work.element, heading, list);
}
