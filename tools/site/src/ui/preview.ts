import type { Images } from '../images.js';
import { element } from './dom.js';

/** The chosen image, or what to do where there is none. */
export function preview(images: Images): HTMLElement {
  const image = element('img', { alt: '', decoding: 'async' });
  const name = element('figcaption');
  const figure = element('figure', { className: 'preview' }, image, name);
  const none = element('p', { className: 'empty', textContent: 'Add an image to begin.' });
  const show = (): void => {
    const { chosen } = images;
    figure.hidden = !chosen;
    none.hidden = chosen !== undefined;
    if (!chosen) return;
    if (image.src !== chosen.url) image.src = chosen.url;
    image.alt = chosen.caption || chosen.name;
    name.textContent = chosen.name;
  };
  images.onChange(show);
  show();
  return element('div', {}, figure, none);
}
