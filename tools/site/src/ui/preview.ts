import type { Images } from '../images.js';
import { element } from './dom.js';

/** The chosen image, or what to do where there is none. */
export function preview(images: Images): HTMLElement {
  const picture = element('img', { alt: '', decoding: 'async' });
  const name = element('figcaption');
  const figure = element('figure', { className: 'preview' }, picture, name);
  const none = element('p', { className: 'empty', textContent: 'Add an image to begin.' });
  const show = (): void => {
    const { chosen } = images;
    figure.hidden = !chosen;
    none.hidden = chosen !== undefined;
    if (!chosen) return;
    if (picture.src !== chosen.url) picture.src = chosen.url;
    picture.alt = chosen.caption || chosen.name;
    name.textContent = chosen.name;
  };
  images.onChange(show);
  show();
  return element('div', {}, figure, none);
}
