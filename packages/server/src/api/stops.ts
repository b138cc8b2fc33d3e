/** A text that ends where one of some texts would begin. */
export class StoppedText {
  readonly #stops: readonly string[];
  #held = '';
  #stopped = false;

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Whether one of the texts came. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Takes a piece, and gives what is known to be before every stop. */
  push(piece: string): string {
    if (this.#stopped) return '';
    const text = this.#held + piece;
    const places = this.#stops.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
    if (places.length > 0) {
      this.#stopped = true;
      this.#held = '';
      return text.slice(0, Math.min(...places));
    }
    const kept = Math.max(0, ...this.#stops.map((stop) => overlap(text, stop)));
    this.#held = text.slice(text.length - kept);
    return text.slice(0, text.length - kept);
  }

  /** What was held back, when the text has ended. */
  rest(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }
}

/** How many characters at the end of a text begin `stop`. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}

/** A whole text up to the first stop, and whether there was one. */
export function cutAt(text: string, stops: readonly string[]): { readonly text: string; readonly stopped: boolean } {
  const cut = new StoppedText(stops);
  const kept = cut.push(text) + cut.rest();
  return { text: cut.stopped ? kept.trimEnd() : kept, stopped: cut.stopped };
}
