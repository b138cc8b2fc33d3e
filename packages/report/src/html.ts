/** Safe markup, or a function that is called for it when the page is written. */
type Part = string | (() => Promise<string>);

/** A piece of markup. */
export class Html {
  constructor(readonly parts: readonly Part[]) {}
}

/** A value in a template: text is escaped, markup is kept, lists are joined, and absent values are left out. */
export type Value = Html | string | number | false | null | undefined | readonly Value[];

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes text for element content and quoted attributes. Control characters, which HTML forbids, become U+FFFD. */
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

/** Template tag for markup: values are escaped unless they are markup. */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(strings.flatMap((text, i) => [text, ...partsOf(values[i])]));
}

/** Marks text as safe markup. */
export function raw(part: Part): Html {
  return new Html([part]);
}

/** Converts markup to text. */
export async function toText({ parts }: Html): Promise<string> {
  return (await Promise.all(parts.map((part) => (typeof part === 'string' ? part : part())))).join('');
}
