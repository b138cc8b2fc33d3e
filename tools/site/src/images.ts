import { type Captions, type FoundFile, isImage, readCaptions } from './files/caption-files.js';

/** An image of the page. */
export interface PageImage {
  readonly id: number;
  /** The name of its file, with its path in a folder. */
  readonly name: string;
  readonly file: Blob;
  /** An address by which the page shows it. */
  readonly url: string;
  /** Captions that came with it, or that the visitor wrote: what training learns from. */
  captions: readonly string[];
  /** The caption that the model has given. */
  caption?: string | undefined;
}

/** The images of the page, of which one is chosen. */
export class Images {
  #images: PageImage[] = [];
  #chosen: number | undefined;
  #next = 1;
  readonly #listeners = new Set<() => void>();

  get all(): readonly PageImage[] {
    return this.#images;
  }

  /** The chosen image. */
  get chosen(): PageImage | undefined {
    return this.#images.find(({ id }) => id === this.#chosen);
  }

  /** Calls a function after each change. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /**
   * Adds the images among files, with the captions that lie beside them. Chooses the first of them.
   * @returns how many images were added, and how many files are neither images nor captions
   */
  async add(files: readonly FoundFile[]): Promise<{ readonly added: number; readonly others: number }> {
    const captions = await readCaptions(files);
    const found = files.filter(isImage).sort((a, b) => (a.path < b.path ? -1 : 1));
    const added = found.map(({ path, file }) => this.#make(path, file, captions));
    this.#images.push(...added);
    this.#chosen = added[0]?.id ?? this.#chosen;
    this.changed();
    const texts = files.filter(({ path }) => /\.(jsonl|csv|txt)$/i.test(path)).length;
    return { added: added.length, others: files.length - added.length - texts };
  }

  #make(name: string, file: Blob, captions: Captions): PageImage {
    return { id: this.#next++, name, file, url: URL.createObjectURL(file), captions: captions.get(name) ?? [] };
  }

  choose(id: number): void {
    this.#chosen = id;
    this.changed();
  }

  remove(image: PageImage): void {
    const place = this.#images.indexOf(image);
    this.#images = this.#images.filter((one) => one !== image);
    URL.revokeObjectURL(image.url);
    if (image.id === this.#chosen) this.#chosen = this.#images[Math.min(place, this.#images.length - 1)]?.id;
    this.changed();
  }

  clear(): void {
    for (const { url } of this.#images) URL.revokeObjectURL(url);
    this.#images = [];
    this.#chosen = undefined;
    this.changed();
  }

  /** Tells the listeners; called by whoever changes an image. */
  changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
