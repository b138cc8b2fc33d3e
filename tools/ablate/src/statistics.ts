/** How a comparison came out: whether what the paper would lead one to expect shows. */
export type Verdict = 'shows' | 'the opposite shows' | 'within the noise' | 'too few runs';

/**
 * Compares the values of two configurations over seeds: a difference shows where even the worst seed of the one expected to be
 * better lies beyond the best of the other.
 * @param better values of the configuration that is expected to be better
 * @param lower whether lower values are better
 */
export function verdict(better: readonly number[], worse: readonly number[], lower = false): Verdict {
  if (better.length < 2 || worse.length < 2) return 'too few runs';
  const sign = lower ? -1 : 1;
  const [a, b] = [better.map((value) => sign * value), worse.map((value) => sign * value)];
  if (Math.min(...a) > Math.max(...b)) return 'shows';
  if (Math.max(...a) < Math.min(...b)) return 'the opposite shows';
  return 'within the noise';
}

/** The mean of values. */
export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean and range, as `0.58 (0.55-0.61)`; a dash without values. */
export function summary(values: readonly number[], digits = 2): string {
  if (values.length === 0) return '-';
  const text = (value: number): string => value.toFixed(digits);
  if (values.length === 1) return text(values[0] as number);
  return `${text(mean(values))} (${text(Math.min(...values))}-${text(Math.max(...values))})`;
}
