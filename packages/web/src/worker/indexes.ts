import { encodePng } from '@blip2/data';
import type { Blip2 } from '@blip2/models';
import {
  type ImageIndex,
  type ImageSearchOptions,
  indexImages,
  openIndex,
  type SearchOptions,
  type SearchResult,
  searchByImage,
  searchIndex,
} from '@blip2/search';
import { memoryFolder, mountFolder, unmountFolder } from '@blip2/tensor/files';
import type { CallContext } from '../call-context.js';
import type { SentImage } from '../page/images.js';
import { receivedImage } from './received-image.js';

/** An image with the name by which search finds it. */
export interface SentNamed {
  readonly name: string;
  readonly image: SentImage;
}

/** What a page knows of an index. */
export interface IndexInfo {
  readonly id: number;
  readonly images: number;
}

interface Opened {
  readonly index: ImageIndex;
  /** The mounted folder of the images. */
  readonly root: string;
}

/** The indexes of images that a page has had made, which lie in memory. */
export function imageIndexes(model: Blip2) {
  const opened = new Map<number, Opened>();
  let next = 0;
  const of = (id: number): Opened => {
    const found = opened.get(id);
    if (found) return found;
    throw new Error('This index was released; make it again.');
  };

  return {
    /** Emits `progress` after each image, and `unreadable` with the name of one that is left out. */
    async index({ signal, emit }: CallContext, images: readonly SentNamed[]): Promise<IndexInfo> {
      const files = await Promise.all(images.map(async ({ name, image }) => [name, await toBlob(image)] as const));
      if (new Set(images.map(({ name }) => name)).size < images.length) {
        throw new Error('Two images have the same name; give each a name of its own.');
      }
      const root = mountFolder(memoryFolder(files), { name: 'images' });
      const out = mountFolder(memoryFolder(), { name: 'index' });
      try {
        const paths = images.map(({ name }) => `${root}/${name}`);
        const nameOf = (path: string): string => path.slice(root.length + 1);
        await indexImages(model, paths, {
          out: `${out}/images.index`,
          signal,
          onProgress: (done, total) => emit('progress', { done, total }),
          onUnreadable: (path) => emit('unreadable', nameOf(path)),
        });
        const index = await openIndex(`${out}/images.index`);
        const id = next++;
        opened.set(id, { index, root });
        return { id, images: index.images.length };
      } catch (error) {
        unmountFolder(root);
        throw error;
      } finally {
        unmountFolder(out);
      }
    },

    /** The images for a text, or for an image; `image` of a result is a name. */
    async search(
      { signal }: CallContext,
      id: number,
      query: string | { readonly image: SentImage },
      options: Pick<SearchOptions & ImageSearchOptions, 'top' | 'rerank'>,
    ): Promise<SearchResult[]> {
      const { index, root } = of(id);
      const found =
        typeof query === 'string'
          ? await searchIndex(model, { index, query }, { ...options, signal })
          : await searchByImage(model, { index, image: await receivedImage(query.image) }, { ...options, signal });
      return found.map((result) => ({ ...result, image: result.image.slice(root.length + 1) }));
    },

    /** Gives the memory of an index back. */
    async release(_: CallContext, id: number): Promise<void> {
      const { index, root } = of(id);
      opened.delete(id);
      await index.close();
      unmountFolder(root);
    },
  };
}

/** The file of an image. */
async function toBlob(image: SentImage): Promise<Blob> {
  const source = await receivedImage(image);
  if (source instanceof Blob) return source;
  if (typeof source === 'string') {
    const response = await fetch(source);
    if (response.ok) return response.blob();
    throw new Error(`There is no image at "${source}": check the address.`);
  }
  const bytes = ArrayBuffer.isView(source) ? source : await encodePng(source as Exclude<typeof source, URL>);
  return new Blob([new Uint8Array(bytes)]);
}
