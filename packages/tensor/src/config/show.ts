const LONGEST = 80;

/** A value from a file as a short text for an error, whatever it is. */
export function show(value: unknown): string {
  const text = written(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** A word from a file in single quotes; anything else as {@link show} has it. */
export const showWord = (value: unknown): string =>
  typeof value === 'string' ? `'${value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value}'` : show(value);

function written(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'nothing';
  } catch {
    return 'something that is nested too deep';
  }
}
