/** Text that is known to be safe, or a promise of it that is asked for when the page is written. */
type Part = string | (() => Promise<string>);

/** A piece of a page. */
export class Html {
  constructor(readonly parts: readonly Part[]) {}
}

/** What a template takes: text is escaped, pieces are kept, lists are joined, and what is absent leaves nothing. */
export type Value = Html | string | number | false | null | undefined | readonly Value[];

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for element content and quoted attributes. Control characters, which HTML forbids, become U+FFFD. */
export function escapeText(text: string): string {
  const clean = text.replace(/\p{Cc}/gu, (c) => (/[\t\n\r]/.test(c) ? c : '\uFFFD'));
  return clean.replace(/[&<>"']/g, (c) => entities[c]!);
}

function partsOf(value: Value): readonly Part[] {
  if (value === false || value === null || value === undefined) return [];
  if (value instanceof Html) return value.parts;
  if (typeof value === 'object') return value.flatMap(partsOf);
  return [escapeText(String(value))];
}

/** The one way to write markup: whatever is put in is escaped unless it is markup already. */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(strings.flatMap((text, i) => [text, ...partsOf(values[i])]));
}

/** Text trusted as it is, now or later. */
export function raw(part: Part): Html {
  return new Html([part]);
}

/** The piece as text, once all its parts are there. */
export async function toText({ parts }: Html): Promise<string> {
  return (await Promise.all(parts.map((part) => (typeof part === 'string' ? part : part())))).join('');
}
