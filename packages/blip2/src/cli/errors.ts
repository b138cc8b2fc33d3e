import { CommanderError } from 'commander';

/** A command that was called wrongly: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The end of a command that has already told of all that went wrong. */
export class ToldError extends Error {
  override readonly name = 'ToldError';
}

/** 0 for help that was asked for, 2 for wrong usage, 1 for everything else. */
export function exitCode(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  return error instanceof UsageError ? 2 : 1;
}

/** One line for the terminal; undefined where commander has already said it. */
export function sentence(error: unknown, signal: AbortSignal): string | undefined {
  if (error instanceof CommanderError || error instanceof ToldError) return undefined;
  if (signal.aborted && error === signal.reason) return 'Stopped.';
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().replace(/\s*\n\s*/g, ' ') || 'Something went wrong; --debug says where.';
}
