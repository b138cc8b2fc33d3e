/** What `forward` of forward.js and the program of docs/browser.md gave somewhere. */
export interface Outcome {
  readonly threads: number;
  readonly relaxedSimd: boolean;
  /** Calls of kernels that tfjs' cpu backend ran, by op. */
  readonly fallbacks: Readonly<Record<string, number>>;
  /** The output of the Q-Former. */
  readonly values: readonly number[];
  /** What the program wrote. */
  readonly caption: string;
}

/** Relative; without relaxed SIMD, and with another engine's Math, sums are rounded otherwise. */
const TOLERANCE = 1e-4;

/** How an outcome differs from that of Node. */
export function differences(own: Outcome, node: Outcome, threads: number): string[] {
  const problems: string[] = [];
  const expect = (what: string, value: unknown, wanted: unknown): void => {
    if (JSON.stringify(value) === JSON.stringify(wanted)) return;
    problems.push(`${what}: ${JSON.stringify(value)}, not ${JSON.stringify(wanted)}.`);
  };
  expect('The threads', own.threads, threads);
  expect('The kernels that fell back', own.fallbacks, node.fallbacks);
  expect('The number of values', own.values.length, node.values.length);
  expect('The caption', own.caption, node.caption);
  const worst = own.values
    .map((value, i) => Math.abs(value - node.values[i]!) / (1 + Math.abs(node.values[i]!)))
    .reduce((most, x) => Math.max(most, x), 0);
  if (!(worst <= TOLERANCE)) problems.push(`The Q-Former's output differs from Node's by ${worst}, relative.`);
  return problems;
}
