/** Computes the lower bound of a cross-entropy with label smoothing over `classes` classes: the entropy of its target. */
export function smoothingFloor(classes: number, smoothing: number): number {
  const other = smoothing / classes;
  const term = (p: number) => (p === 0 ? 0 : -p * Math.log(p));
  return term(1 - smoothing + other) + (classes - 1) * term(other);
}
