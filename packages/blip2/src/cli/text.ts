/** Formats a nested record as indented lines, with fractions rounded to three decimals. */
export function outline(value: object, indent = ''): string {
  return Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) =>
      isLeaf(item) ? `${indent}${key}  ${leaf(item)}` : `${indent}${key}\n${outline(item, `${indent}  `)}`,
    )
    .join('\n');
}

const isLeaf = (item: unknown): item is string | number | boolean | null => typeof item !== 'object' || item === null;

const leaf = (item: unknown): string =>
  typeof item === 'number' && !Number.isInteger(item) ? item.toFixed(3) : String(item);

/** The seconds since `start`, a value of `performance.now()`, rounded to milliseconds. */
export const secondsSince = (start: number): number => Math.round(performance.now() - start) / 1000;
