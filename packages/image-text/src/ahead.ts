/** Values by position, prepared before they are asked for. */
export interface Ahead<T> {
  /** Gives the value of a position, and starts to prepare those that follow. */
  at(position: number): Promise<T>;
  /** Seconds that callers of `at` have waited so far. */
  waited(): number;
}

/**
 * Prepares the values of the next positions while the present one is used. Values are functions of their position alone, so
 * that a resumed run has the same.
 * @param depth how many positions are prepared ahead
 */
export function ahead<T>(prepare: (position: number) => Promise<T>, depth: number): Ahead<T> {
  const started = new Map<number, Promise<T>>();
  let seconds = 0;
  const start = (position: number): Promise<T> => {
    const known = started.get(position);
    if (known) return known;
    const value = prepare(position);
    value.catch(() => {}); // whoever asks for it is told
    started.set(position, value);
    return value;
  };
  return {
    async at(position) {
      for (const old of started.keys()) if (old < position) started.delete(old);
      const value = start(position);
      for (let i = 1; i <= depth; i++) start(position + i);
      const since = performance.now();
      try {
        return await value;
      } finally {
        seconds += (performance.now() - since) / 1000;
        started.delete(position);
      }
    },
    waited: () => seconds,
  };
}
