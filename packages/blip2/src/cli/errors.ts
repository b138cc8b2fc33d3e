import { CommanderError } from 'commander';

/** Wrong usage of the command line, which ends with exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Ends a command whose errors were all reported already. */
export class ReportedError extends Error {
  override readonly name = 'ReportedError';
}

/** The exit code of an error: 0 for help that was asked for, 2 for wrong usage, 1 for everything else. */
export function exitCode(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  return error instanceof UsageError ? 2 : 1;
}

/** An error as one line for the terminal; undefined where nothing is left to report. */
export function sentence(error: unknown, signal: AbortSignal): string | undefined {
  if (error instanceof ReportedError) return undefined;
  if (error instanceof CommanderError) return usageSentence(error);
  if (signal.aborted && error === signal.reason) return 'Stopped.';
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().replace(/\s*\n\s*/g, ' ') || 'Something went wrong; --debug prints where.';
}

/** Commander's "error: unknown option '--beens'\n(Did you mean --beams?)" as a sentence. */
function usageSentence({ code, message }: CommanderError): string | undefined {
  if (['commander.help', 'commander.helpDisplayed', 'commander.version'].includes(code)) return undefined;
  const text = message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*\(Did you mean (.*)\?\)/s, ' (did you mean $1?)')
    .replace('. Expected', ': expected')
    .replace(/\.$/, '');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
