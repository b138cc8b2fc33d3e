/** The outcome of one comparison; `skip` stands for a golden value that this program has nothing to compare with. */
export interface Row {
  readonly name: string;
  readonly status: 'pass' | 'fail' | 'skip';
  /** The largest difference of two elements. Of ids: how many differ. */
  readonly absolute: number;
  /** The error as a share of the largest golden element; of ids, the share of wrong ones. */
  readonly relative: number;
  readonly tolerance: number;
  readonly note?: string;
}

export interface Values {
  readonly values: ArrayLike<number>;
  /** Compared too where both sides have one. */
  readonly shape?: readonly number[] | undefined;
}

/** From the largest golden element, in absolute value, to the allowed difference. */
export type Tolerance = (largest: number) => number;

export function largestOf(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i] as number));
  return largest;
}

/** Numbers beside their golden values. A number that is none fails, whatever the tolerance. */
export function compareValues(name: string, [actual, expected]: readonly [Values, Values], tolerance: Tolerance): Row {
  const shapes = [actual.shape ?? [actual.values.length], expected.shape ?? [expected.values.length]] as const;
  if (actual.values.length !== expected.values.length || (actual.shape && expected.shape && !same(...shapes))) {
    return failed(name, `shape [${shapes[0]}] instead of [${shapes[1]}]`);
  }
  let absolute = 0;
  for (let i = 0; i < expected.values.length; i++) {
    const difference = Math.abs((actual.values[i] as number) - (expected.values[i] as number));
    if (!(difference <= absolute)) absolute = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }
  const largest = largestOf(expected.values);
  const allowed = tolerance(largest);
  const relative = absolute === 0 ? 0 : absolute / largest;
  return { name, status: absolute <= allowed ? 'pass' : 'fail', absolute, relative, tolerance: allowed };
}

/** Lists of ids, or texts as lists of letters, which must be equal. */
export function compareExactly<T>(name: string, actual: readonly T[], expected: readonly T[]): Row {
  const length = Math.max(actual.length, expected.length);
  let absolute = 0;
  for (let i = 0; i < length; i++) if (actual[i] !== expected[i]) absolute++;
  const relative = absolute === 0 ? 0 : absolute / length;
  const row: Row = { name, status: absolute === 0 ? 'pass' : 'fail', absolute, relative, tolerance: 0 };
  return absolute === 0 ? row : { ...row, note: `${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}` };
}

export function failed(name: string, note: string): Row {
  return { name, status: 'fail', absolute: Number.NaN, relative: Number.NaN, tolerance: Number.NaN, note };
}

export function skipped(name: string, note: string): Row {
  return { ...failed(name, note), status: 'skip' };
}

const same = (a: readonly number[], b: readonly number[]): boolean => a.join() === b.join();
