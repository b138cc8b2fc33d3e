/** Errors of the language itself, which say that nobody thought of this. */
const surprises = ['TypeError', 'RangeError', 'SyntaxError', 'ReferenceError', 'EvalError', 'URIError', 'Unsound'];
const LONGEST = 4000;

/** Why an error is no clear sentence for people; undefined where it is one. */
export function unclear(error: unknown): string | undefined {
  // not by instanceof, which fails between realms
  const { name, message } = (typeof error === 'object' && error !== null ? error : {}) as Partial<Error>;
  if (typeof message !== 'string') return `threw what is no error: ${String(error)}`;
  const kind = (error as Error).constructor.name;
  if (surprises.includes(kind) || surprises.includes(String(name))) return `${kind}: ${message}`;
  if (!/[.?]$/.test(message)) return `no sentence: ${message.slice(0, 200)}`;
  if (message.length > LONGEST) return `a message of ${message.length} characters`;
  const own = message.replace(/"[^"]*"|'[^']*'|received (undefined|NaN)/g, ''); // words of the file, and of zod
  if (/\b(undefined|NaN)\b|\[object \w+\]/.test(own)) return `a message of the machine: ${message.slice(0, 200)}`;
  return undefined;
}

/**
 * Whether something read, or refused with one clear sentence.
 * @throws what was thrown, where it is no such sentence
 */
export async function readsOrRefuses(read: () => unknown): Promise<boolean> {
  try {
    await read();
    return true;
  } catch (error) {
    const why = unclear(error);
    if (why === undefined) return false;
    throw new Error(`This is no sentence for people: ${why}`, { cause: error });
  }
}
