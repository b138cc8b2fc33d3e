import { takePicture } from './camera.js';
import type { FoundFile } from './files/caption-files.js';
import { filesOf, filesOfInput } from './files/dropped.js';
import type { Images, PageImage } from './images.js';
import { announce, button, byId, element, messageOf } from './ui/dom.js';

/** The part of the page that takes images and shows them. */
export function showTray(images: Images): void {
  const section = byId('images');
  const list = element('div', { className: 'thumbnails', role: 'radiogroup', 'aria-label': 'Chosen image' });
  const problem = element('p', { className: 'problem', role: 'alert', hidden: true });
  const count = element('span', { className: 'count' });
  const remove = button(
    'Remove',
    () => {
      if (images.chosen) images.remove(images.chosen);
    },
    { title: 'Remove the chosen image' },
  );
  const clear = button('Remove all', () => {
    images.clear();
    announce('All images are removed.');
  });

  const take = async (files: readonly FoundFile[]): Promise<void> => {
    problem.hidden = true;
    try {
      const { added, others } = await images.add(files);
      if (added > 0) announce(`${added} ${added === 1 ? 'image is' : 'images are'} added.`);
      if (others > 0 || added === 0) {
        problem.textContent =
          added === 0 ? 'There is no image among these files.' : `${others} other files are left out.`;
        problem.hidden = false;
      }
    } catch (error) {
      problem.textContent = messageOf(error);
      problem.hidden = false;
    }
  };
  const input = (id: string): HTMLInputElement => {
    const made = element('input', { type: 'file', hidden: true, multiple: true, id });
    made.onchange = () => void take(filesOfInput(made)).then(() => (made.value = ''));
    return made;
  };
  const files = input('choose-images');
  files.accept = 'image/*';
  const folder = input('choose-folder');
  folder.webkitdirectory = true;
  const camera = async (): Promise<void> => {
    const file = await takePicture();
    if (file) await take([{ path: file.name, file }]);
  };

  const zone = element(
    'div',
    { className: 'zone' },
    element('p', {}, 'Drop or paste images here, or'),
    element(
      'div',
      { className: 'row' },
      button('Choose images', () => files.click(), { className: 'main' }),
      button('Choose a folder', () => folder.click()),
      button('Camera', camera),
    ),
    files,
    folder,
  );
  const transferred = (event: Event, transfer: DataTransfer | null): void => {
    if (!transfer || ![...transfer.items].some(({ kind }) => kind === 'file')) return;
    event.preventDefault();
    void filesOf(transfer).then(take);
  };
  document.addEventListener('paste', (event) => transferred(event, event.clipboardData));
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    zone.classList.add('over');
  });
  document.addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) zone.classList.remove('over');
  });
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    zone.classList.remove('over');
    transferred(event, event.dataTransfer);
  });

  const shown = new Map<PageImage, HTMLElement>();
  const show = (): void => {
    const { all, chosen } = images;
    for (const image of shown.keys()) if (!all.includes(image)) shown.delete(image);
    for (const image of all) if (!shown.has(image)) shown.set(image, thumbnail(image, images));
    if (list.children.length !== all.length || all.some((image, i) => list.children[i] !== shown.get(image))) {
      list.replaceChildren(...shown.values());
    }
    const radio = chosen && shown.get(chosen)?.querySelector('input');
    if (radio && !radio.checked) radio.checked = true;
    list.hidden = all.length === 0;
    remove.hidden = !chosen;
    clear.hidden = all.length < 2;
    count.textContent = all.length === 0 ? '' : `${all.length}`;
  };
  images.onChange(show);
  const title = element('h2', { id: 'images-title' }, 'Images ', count);
  section.append(
    element('div', { className: 'head' }, title, element('div', { className: 'row' }, remove, clear)),
    zone,
    problem,
    list,
  );
  show();
}

/** A thumbnail, which is a radio button: the arrow keys go from one to the next. */
function thumbnail(image: PageImage, images: Images): HTMLElement {
  const radio = element('input', {
    type: 'radio',
    name: 'image',
    value: String(image.id),
    onchange: () => images.choose(image.id),
  });
  const preview = element('img', { src: image.url, alt: '', loading: 'lazy', decoding: 'async' });
  const name = element('span', { className: 'hidden', textContent: image.name });
  return element('label', { className: 'thumbnail', title: image.name }, radio, preview, name);
}
