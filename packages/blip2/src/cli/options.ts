import { type Command, InvalidArgumentError, Option } from 'commander';

/** What every command takes. */
export interface Shared {
  readonly json: boolean;
  readonly backend: string;
  readonly threads?: number;
  readonly seed?: number;
  readonly debug: boolean;
}

/** The options that every command has, put behind its own. */
export function shared(command: Command): Command {
  return command
    .option('--json', 'one JSON object a line on stdout, everything else on stderr', false)
    .option('--backend <name>', 'what computes: simd, or another backend of TensorFlow.js', 'simd')
    .option('--threads <n>', 'threads of the simd backend (default: the cores, at most 4)', count)
    .option('--seed <n>', 'where randomness begins', whole)
    .option('--debug', 'where an error came from', false);
}

/** A folder of a model, or its name. */
export const modelOption = (): Option =>
  new Option(
    '--model <model>',
    'a Hugging Face folder, a name on its hub, or the output of train',
  ).makeOptionMandatory();

/** Gathers the values of an option that may be given several times. */
export const several =
  <T>(parse: (text: string) => T) =>
  (text: string, before: readonly T[] = []): T[] => [...before, parse(text)];

export function number(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new InvalidArgumentError(`It must be a number, not '${text}'.`);
}

export function whole(text: string): number {
  const value = number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError(`It must be a whole number, not '${text}'.`);
}

export function count(text: string): number {
  const value = whole(text);
  if (value >= 1) return value;
  throw new InvalidArgumentError(`It must be at least 1, not ${text}.`);
}
