import { type Command, Option } from 'commander';
import { UsageError } from './errors.js';

/** The options that every command takes. */
export interface SharedOptions {
  readonly json?: boolean;
  readonly backend: string;
  readonly threads?: number;
  readonly seed?: number;
  readonly orient?: boolean;
  readonly debug?: boolean;
}

/** Adds the options that every command takes after the command's own. */
export function addSharedOptions(command: Command): Command {
  return command
    .option('--json', 'print one JSON object per line on stdout, and everything else on stderr')
    .addOption(choiceOption('--backend <name>', 'backend of TensorFlow.js', ['simd', 'cpu']).default('simd'))
    .addOption(numberOption('--threads <n>', 'threads of the simd backend (default: the cores, at most 4)', COUNT))
    .addOption(numberOption('--seed <n>', 'random seed', { integer: true }))
    .option('--no-orient', 'ignore the EXIF orientation of images, as LAVIS does')
    .option('--debug', 'print stack traces');
}

/** @throws UsageError for shared options that exclude each other */
export function checkSharedOptions({ backend, threads }: SharedOptions): void {
  if (threads !== undefined && backend !== 'simd') {
    throw new UsageError(`--threads is an option of the simd backend; leave it out with --backend ${backend}.`);
  }
}

/** The option for a model. */
export const modelOption = (): Option =>
  new Option(
    '--model <model>',
    'a Hugging Face folder, a name on its hub, or the output folder of train (default: the starter model)',
  );

interface Bounds {
  readonly integer?: boolean;
  /** The least value. */
  readonly min?: number;
  /** What the value must exceed. */
  readonly above?: number;
  /** The greatest value. */
  readonly max?: number;
}

/** Whole numbers from 1. */
export const COUNT: Bounds = { integer: true, min: 1 };

/** Shares of a whole. */
export const SHARE: Bounds = { min: 0, max: 1 };

/** An option whose value is a number within bounds. */
export function numberOption(flags: string, description: string, bounds: Bounds = {}): Option {
  const { integer = false, min, above, max } = bounds;
  const limits = [
    min === undefined ? [] : [`at least ${min}`],
    above === undefined ? [] : [`above ${above}`],
    max === undefined ? [] : [`at most ${max}`],
  ].flat();
  const expected = [`a ${integer ? 'whole ' : ''}number`, ...(limits.length > 0 ? [limits.join(' and ')] : [])].join(
    ', ',
  );
  return new Option(flags, description).argParser((text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    const valid =
      (integer ? Number.isSafeInteger(value) : Number.isFinite(value)) &&
      (min === undefined || value >= min) &&
      (above === undefined || value > above) &&
      (max === undefined || value <= max);
    if (valid) return value;
    throw new UsageError(`${nameOf(flags)} must be ${expected}, not '${text}'.`);
  });
}

/** An option whose value is one of some names, or several where it may be repeated. */
export function choiceOption(flags: string, description: string, choices: readonly string[]): Option {
  return new Option(flags, description).choices(choices).argParser((text) => {
    if (choices.includes(text)) return text;
    throw new UsageError(`${nameOf(flags)} must be one of ${choices.join(', ')}, not '${text}'.`);
  });
}

/** An option that may be given several times. @param parse throws UsageError for a wrong value */
export function repeatedOption<T>(flags: string, description: string, parse: (text: string) => T): Option {
  return new Option(flags, description).argParser((text, before: readonly T[] = []): T[] => [...before, parse(text)]);
}

const nameOf = (flags: string): string => flags.split(' ')[0]!;
