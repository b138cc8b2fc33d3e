/** From values to places. */
export interface Scale {
  readonly ticks: readonly number[];
  at(value: number): number;
}

/** Round values about `wanted` in number, from at or below `low` to at or above `high`. */
export function niceTicks(low: number, high: number, wanted = 5): number[] {
  const span = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(span / wanted));
  const step = power * ([1, 2, 5].find((m) => span / (power * m) <= wanted) ?? 10);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Values of `from` laid on `to`; values beyond stay at the border. */
export function linear(from: readonly [number, number], to: readonly [number, number]): (value: number) => number {
  const span = from[1] - from[0] || 1;
  return (value) => to[0] + Math.min(1, Math.max(0, (value - from[0]) / span)) * (to[1] - to[0]);
}

/** A scale that begins and ends at round values. */
export function niceScale(low: number, high: number, to: readonly [number, number]): Scale {
  const ticks = niceTicks(low, high);
  return { ticks, at: linear([ticks[0]!, ticks.at(-1)!], to) };
}

/** A scale that begins and ends where the data do, with round values between. */
export function tightScale(low: number, high: number, to: readonly [number, number]): Scale {
  const ticks = niceTicks(low, high).filter((tick) => tick >= low && tick <= high);
  return { ticks: low === high ? [low] : ticks, at: linear([low, high === low ? low + 1 : high], to) };
}
