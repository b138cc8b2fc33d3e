import type { Size } from './measure.js';
import type { Ceiling } from './table.js';

/** Holds the size of one package against its ceiling. */
export function checkSize(size: Size, ceiling: Ceiling | undefined): string[] {
  if (!ceiling) return ['It has no row in tools/checks/src/sizes/table.ts: add one, with its reason.'];
  return (['tarball', 'bundle'] as const)
    .filter((part) => size[part] > ceiling[part] * 1000)
    .map((part) => {
      const measured = (size[part] / 1000).toFixed(1);
      return `The ${part} has ${measured} kB, more than the ${ceiling[part]} kB allowed (${ceiling.why}): make it smaller, or raise the ceiling with a reason.`;
    });
}
