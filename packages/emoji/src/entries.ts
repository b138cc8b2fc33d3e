import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { allVendors, packages, type Vendor } from './vendors.js';

/** An emoji that all five vendors have drawn. */
export interface Emoji {
  /** Code points in lower-case hexadecimal joined by '-', without the presentation selector FE0F. */
  readonly code: string;
  /** English short name of the Unicode consortium, such as 'red apple'. */
  readonly label: string;
  /** English search keywords; may be empty. */
  readonly tags: readonly string[];
  /** Group of the Unicode chart: 0 smileys, 1 people, 3 animals and plants, 4 food, 5 travel, 6 activities, 7 objects, 8 symbols, 9 flags. */
  readonly group: number;
  /** Name of its icon in each vendor's package. */
  readonly vendors: { readonly [S in Vendor]: string };
}

interface EmojibaseItem {
  label: string;
  hexcode: string;
  tags?: string[];
  group?: number;
  order?: number;
}

const require = createRequire(import.meta.url);
const componentGroup = 2; // skin tones and hair

/** Reads a JSON file of an installed package. */
export function readPackageJson<T>(path: string): T {
  return JSON.parse(readFileSync(require.resolve(path), 'utf8')) as T;
}

/** Normalizes a code for comparison: lower case, without FE0F, which sources place differently. */
export function normalizeCode(code: string): string {
  return code
    .toLowerCase()
    .split('-')
    .filter((point) => point !== 'fe0f')
    .join('-');
}

function iconNames(vendor: Vendor): Map<string, string> {
  // the chars.json of fluent-emoji is empty; its icons have the names of fluent-emoji-flat
  const source = vendor === 'fluent' ? packages['fluent-flat'] : packages[vendor];
  const names = readPackageJson<Record<string, string>>(`${source}/chars.json`);
  return new Map(Object.entries(names).map(([code, name]) => [normalizeCode(code), name]));
}

let loaded: readonly Emoji[] | undefined;

/**
 * Returns the emoji that all five vendors have drawn, in the order of the Unicode chart, without components and skin-tone
 * variants. Codes and labels are distinct. The packages are read once per process.
 */
export function loadEmoji(): readonly Emoji[] {
  loaded ??= joinByCode();
  return loaded;
}

function joinByCode(): readonly Emoji[] {
  const names = allVendors.map((vendor) => [vendor, iconNames(vendor)] as const);
  const items = readPackageJson<EmojibaseItem[]>('emojibase-data/en/data.json');
  const entries: Emoji[] = [];
  const labels = new Set<string>();
  for (const item of items.sort((a, b) => (a.order ?? 0) - (b.order ?? 0))) {
    const code = normalizeCode(item.hexcode);
    const drawn = names.flatMap(([vendor, icons]) => (icons.has(code) ? [[vendor, icons.get(code)] as const] : []));
    if (item.group === undefined || item.group === componentGroup) continue;
    if (drawn.length < allVendors.length || labels.has(item.label)) continue;
    labels.add(item.label);
    const vendors = Object.fromEntries(drawn) as Emoji['vendors'];
    entries.push({ code, label: item.label, tags: item.tags ?? [], group: item.group, vendors });
  }
  return entries;
}
