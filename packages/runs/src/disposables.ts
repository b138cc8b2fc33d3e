/** A list of resources that are freed together, last first: Node 20 has no `AsyncDisposableStack`. */
export class Disposables {
  readonly #frees: (() => unknown)[] = [];

  /** Adds a resource and returns it; `close` calls `free` with it. */
  add<T>(resource: T, free: (resource: T) => unknown): T {
    this.#frees.push(() => free(resource));
    return resource;
  }

  /** Frees all resources, last first. @throws the first error, after all were freed */
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
