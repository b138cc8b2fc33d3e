import type { Size } from './measure.js';
import { type Ceiling, LINES } from './table.js';

/** Holds the size of one package against its ceiling. */
export function checkSize(size: Size, ceiling: Ceiling | undefined): string[] {
  if (!ceiling) return ['It has no row in tools/checks/src/sizes/table.ts: add one, with its reason.'];
  const most = { prebuilt: Number.POSITIVE_INFINITY, ...ceiling };
  const problems = (['tarball', 'bundle', 'prebuilt'] as const)
    .filter((part) => size[part] > most[part] * 1000)
    .map((part) => {
      const measured = (size[part] / 1000).toFixed(1);
      return `The ${part} has ${measured} kB, more than the ${most[part]} kB allowed (${ceiling.why}): make it smaller, or raise the ceiling with a reason.`;
    });
  const { lines = LINES } = ceiling;
  if (size.lines >= lines) {
    problems.push(`The sources have ${size.lines} lines without tests, not fewer than ${lines}: split the package.`);
  }
  return problems;
}
