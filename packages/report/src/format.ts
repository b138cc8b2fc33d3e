const ABSENT = 'n/a';

/** A share of one: `0.305` as `30.5%`. */
export function percent(share: number): string {
  return Number.isFinite(share) ? `${(Math.round(share * 1000) / 10).toFixed(1)}%` : ABSENT;
}

/** A score or loss, with two decimals. */
export function decimal(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2) : ABSENT;
}

/** How many times as large: `3.2×`. */
export function times(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(1)}×` : ABSENT;
}

/** Whole numbers with thin spaces between thousands: `12 000`. */
export function count(value: number): string {
  return Number.isFinite(value) ? String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, '\u2009') : ABSENT;
}

/** A small number: `0.0003` as `3e-4`. */
export function scientific(value: number): string {
  if (!Number.isFinite(value)) return ABSENT;
  return value === 0 ? '0' : value.toExponential(1).replace('.0e', 'e').replace('e+0', '').replace('e+', 'e');
}

/** A length of time in its two largest units: `8 min 12 s`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return ABSENT;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `1st`, `2nd`, `3rd`, `11th` */
export function ordinal(n: number): string {
  const ending = n % 100 >= 11 && n % 100 <= 13 ? undefined : ['th', 'st', 'nd', 'rd'][n % 10];
  return `${n}${ending ?? 'th'}`;
}

/** `1 step`, `2 steps` */
export function plural(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? '' : 's'}`;
}
