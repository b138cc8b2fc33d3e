/** The noise of a measure: how far seeds of one configuration differ. */
export interface Noise {
  /** The standard deviation over seeds, of all configurations together. */
  readonly deviation: number;
  /** Its degrees of freedom. */
  readonly degrees: number;
}

/** Estimates the noise of a measure from the values of all configurations, each with its own mean. */
export function noiseOf(groups: readonly (readonly number[])[]): Noise {
  const degrees = groups.reduce((sum, values) => sum + Math.max(0, values.length - 1), 0);
  const squares = groups.reduce((sum, values) => {
    const center = mean(values);
    return sum + values.reduce((own, value) => own + (value - center) ** 2, 0);
  }, 0);
  return { deviation: degrees === 0 ? Number.NaN : Math.sqrt(squares / degrees), degrees };
}

/** How a comparison came out: whether what one would expect shows. */
export type Verdict = 'shows' | 'the opposite shows' | 'within the noise' | 'too few runs';

/** A difference of means over seeds. */
export interface Difference {
  readonly difference: number;
  /** Half the width of its confidence interval of 95%, by Student's t. */
  readonly margin: number;
}

/** Compares two configurations; undefined where there are too few runs. */
export function compare(a: readonly number[], b: readonly number[], noise: Noise): Difference | undefined {
  if (a.length === 0 || b.length === 0 || noise.degrees === 0) return undefined;
  const margin = student(noise.degrees) * noise.deviation * Math.sqrt(1 / a.length + 1 / b.length);
  return { difference: mean(a) - mean(b), margin };
}

/**
 * Tells whether a difference is what one would expect.
 * @param lower whether lower values are better. Default false
 */
export function verdict(compared: Difference | undefined, lower = false): Verdict {
  if (!compared) return 'too few runs';
  const { difference, margin } = compared;
  if (Math.abs(difference) <= margin) return 'within the noise';
  return difference > 0 !== lower ? 'shows' : 'the opposite shows';
}

/** Quantiles 0.975 of Student's t by degrees of freedom; those between have the quantile of the fewer. */
const quantiles = [
  ...[12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228],
  ...[2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11, 2.101, 2.093, 2.086],
];
const student = (degrees: number): number => quantiles[Math.min(degrees, quantiles.length) - 1] as number;

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
