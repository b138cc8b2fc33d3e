const LONGEST = 80;

/** Formats any value from a file as JSON of at most 80 characters, for an error. */
export function show(value: unknown): string {
  const text = written(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** Formats a string from a file in single quotes, and any other value as `show` does, for an error. */
export const showWord = (value: unknown): string =>
  typeof value === 'string' ? `'${value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value}'` : show(value);

function written(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'nothing';
  } catch {
    return 'a value that is nested too deep';
  }
}
