const DEEPEST = 32;
const LONGEST_NUMBER = 40;

/**
 * A pull parser of JSON for untrusted headers. It builds no tree, so that memory stays proportional to the text; it rejects
 * repeated keys, which `JSON.parse` hides, and deep nesting.
 */
export class JsonReader {
  readonly #text: string;
  readonly #fail: (problem: string) => Error;
  #at = 0;

  /** @param fail makes the error to throw from a description of the problem */
  constructor(text: string, fail: (problem: string) => Error) {
    this.#text = text;
    this.#fail = fail;
  }

  /** Calls `visit` after each key; it must read exactly one value. */
  object(visit: (key: string) => void): void {
    const keys = new Set<string>();
    this.#sequence('{', '}', () => {
      const key = this.string();
      if (keys.has(key)) throw this.#fail(`the key ${JSON.stringify(key.slice(0, 80))} occurs twice`);
      keys.add(key);
      this.#expect(':');
      visit(key);
    });
  }

  /** Calls `visit` before each element; it must read exactly one value. */
  array(visit: () => void): void {
    this.#sequence('[', ']', visit);
  }

  string(): string {
    this.#expect('"');
    const start = this.#at;
    let escaped = false;
    for (let i = start; i < this.#text.length; i++) {
      const c = this.#text.charCodeAt(i);
      if (c < 0x20) break;
      if (c === 0x5c) {
        escaped = true;
        i++;
      } else if (c === 0x22) {
        this.#at = i + 1;
        return escaped ? this.#unescape(start, i) : this.#text.slice(start, i);
      }
    }
    throw this.#wrong('a string that ends');
  }

  /** A whole number from 0 to 2^53 - 1, written without sign, fraction or exponent. */
  integer(): number {
    const token = this.#number();
    const value = Number(token);
    if (/^\d+$/.test(token) && Number.isSafeInteger(value)) return value;
    throw this.#fail(`${token} is not a whole number between 0 and 2^53`);
  }

  number(): number {
    return Number(this.#number());
  }

  /** Reads one value of any kind and discards it. */
  skip(depth = DEEPEST): void {
    if (depth === 0) throw this.#fail(`it is nested more than ${DEEPEST} deep`);
    const c = this.#peek();
    if (c === '{') this.object(() => this.skip(depth - 1));
    else if (c === '[') this.array(() => this.skip(depth - 1));
    else if (c === '"') this.string();
    else if (!['true', 'false', 'null'].some((word) => this.#word(word))) this.#number();
  }

  /** Checks that only white space is left. */
  end(): void {
    if (this.#peek() !== '') throw this.#wrong('the end');
  }

  #sequence(open: string, close: string, visit: () => void): void {
    this.#expect(open);
    if (this.#peek() === close) {
      this.#at++;
      return;
    }
    for (;;) {
      visit();
      if (this.#peek() !== ',') break;
      this.#at++;
    }
    this.#expect(close);
  }

  #number(): string {
    this.#peek();
    const token = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/.exec(this.#text.slice(this.#at, this.#at + LONGEST_NUMBER));
    if (token === null || token[0].length === LONGEST_NUMBER) throw this.#wrong('a number');
    this.#at += token[0].length;
    return token[0];
  }

  #unescape(start: number, end: number): string {
    try {
      return JSON.parse(this.#text.slice(start - 1, end + 1));
    } catch {
      throw this.#fail(`the string at character ${start} has a wrong escape`);
    }
  }

  #word(word: string): boolean {
    const found = this.#text.startsWith(word, this.#at);
    if (found) this.#at += word.length;
    return found;
  }

  /** The next character that is not white space, '' at the end. */
  #peek(): string {
    while (this.#at < this.#text.length && ' \n\r\t'.includes(this.#text.charAt(this.#at))) this.#at++;
    return this.#text.charAt(this.#at);
  }

  #expect(c: string): void {
    if (this.#peek() !== c) throw this.#wrong(JSON.stringify(c));
    this.#at++;
  }

  #wrong(expected: string): Error {
    return this.#fail(`it is not the JSON it should be: ${expected} is missing at character ${this.#at}`);
  }
}
