type Child = Node | string | undefined | false;
type Tags = HTMLElementTagNameMap;

/** What an element is made with: its properties, `data`, ARIA attributes, and listeners by `on…`. */
type Properties<Name extends keyof Tags> = {
  readonly [Key in keyof Tags[Name]]?: Tags[Name][Key];
} & {
  readonly [attribute: `aria-${string}` | `data-${string}`]: string | undefined;
  readonly role?: string;
  readonly for?: string;
};

/** Creates an element with properties and children. */
export function element<Name extends keyof Tags>(
  name: Name,
  properties: Properties<Name> = {},
  ...children: readonly Child[]
): Tags[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (/^(aria-|data-|role$|for$)/.test(key)) made.setAttribute(key, String(value));
    else Object.assign(made, { [key]: value });
  }
  made.append(...children.filter((child): child is Node | string => child !== undefined && child !== false));
  return made;
}

/** The element of the page with an id. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found) return found;
  throw new Error(`The page has no element '${id}'.`);
}

let names = 0;

/** An id that no other element has. */
export const newId = (name: string): string => `${name}-${++names}`;

/** A labelled field: the label before or, for check boxes, after it. */
export function field(
  label: string,
  input: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement,
  hint?: string,
): HTMLElement {
  input.id ||= newId('field');
  const description = hint === undefined ? undefined : element('small', { id: newId('hint'), textContent: hint });
  if (description) input.setAttribute('aria-describedby', description.id);
  const named = element('label', { for: input.id, textContent: label });
  const box = input.type === 'checkbox';
  return element(
    'div',
    { className: box ? 'field check' : 'field' },
    ...(box ? [input, named] : [named, input]),
    description,
  );
}

/** A button with a text. */
export const button = (
  text: string,
  onclick: () => unknown,
  properties: Properties<'button'> = {},
): HTMLButtonElement =>
  element('button', { type: 'button', textContent: text, onclick: () => void onclick(), ...properties });

/** Says something to screen readers, which the page shows already. */
export function announce(text: string): void {
  const region = byId('announcements');
  region.textContent = '';
  region.append(text);
}

/** Gives a number of bytes as text. */
export const megabytes = (bytes: number): string =>
  bytes < 1e9 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;

/** What an error says. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
