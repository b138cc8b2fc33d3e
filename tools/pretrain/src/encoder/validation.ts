import { loadEmoji } from '@blip2/emoji';
import { type Drawing, drawingsOf, VALIDATION, VENDORS } from '../drawings.js';

/** A name without spaces, hyphens and case: the only form in which Firefox OS has names. */
const plain = (name: string): string =>
  name
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[^a-z0-9]/g, '');

/** The drawings by Firefox OS of which it is known which emoji they are, by Unicode's name or an icon's. */
export function validationDrawings(): (Drawing & { readonly code: string })[] {
  const names = VENDORS.flatMap(drawingsOf).map(({ name, code }) => [plain(name), code] as const);
  const labels = loadEmoji().map(({ label, code }) => [plain(label), code] as const);
  const codes = new Map([...names, ...labels]);
  const known = new Set(labels.map(([, code]) => code));
  return drawingsOf(VALIDATION).flatMap((drawing) => {
    const code = codes.get(plain(drawing.name));
    return code !== undefined && known.has(code) ? [{ ...drawing, code }] : [];
  });
}
