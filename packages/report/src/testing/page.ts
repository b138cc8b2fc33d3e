export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface Page {
  /** What a validator would say about tags, quotes and entities. */
  readonly problems: readonly string[];
  readonly elements: readonly Element[];
  /** What a person reads, a space between any two pieces. */
  readonly words: string;
}

const empty = new Set(['meta', 'link', 'img', 'br', 'hr', 'input']);
const tag = /<(\/?)([a-z][a-z0-9]*)((?:\s+[a-z-A-Z0-9]+(?:="[^"<]*")?)*)\s*(\/?)>|<!doctype html>/g;

function attributesOf(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/([a-zA-Z-0-9]+)(?:="([^"]*)")?/g)].map((m) => [m[1]!, m[2] ?? '']));
}

/** Reads a page strictly: each tag closed in order, attributes quoted, no bare `<` or `&`. */
export function readPage(text: string): Page {
  const problems: string[] = text.startsWith('<!doctype html>') ? [] : ['no doctype'];
  const elements: Element[] = [];
  const open: string[] = [];
  const plain = text.replace(/<style>[^<]*<\/style>/, '<style></style>');
  for (const [, closing, name, attributes = '', self] of plain.matchAll(tag)) {
    if (!name) continue;
    if (closing) {
      const last = open.pop();
      if (last !== name) problems.push(`</${name}> closes <${last}>`);
      continue;
    }
    const given = attributesOf(attributes);
    elements.push({ name, attributes: given });
    if (!self && !empty.has(name)) open.push(name);
  }
  if (open.length > 0) problems.push(`not closed: ${open.join(', ')}`);
  const rest = plain.replace(tag, ' ');
  for (const bare of rest.match(/<.{0,20}|&(?!(amp|lt|gt|quot|#39);).{0,20}/g) ?? []) problems.push(`bare ${bare}`);
  return { problems, elements, words: rest.replace(/\s+/g, ' ').trim() };
}
