/** What was opened or loaded one after the other, so that all of it is freed when the next one fails. */
export class Disposables {
  readonly #frees: (() => unknown)[] = [];

  /** Takes `thing` over; `free` is called with it by `close`. */
  add<T>(thing: T, free: (thing: T) => unknown): T {
    this.#frees.push(() => free(thing));
    return thing;
  }

  /** Frees everything, last first. @throws the first error, after all was freed */
  async close(): Promise<void> {
    const errors: unknown[] = [];
    for (const free of this.#frees.splice(0).reverse()) {
      try {
        await free();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
