import { exitCode, sentence } from './errors.js';
import { program } from './program.js';
import type { Session } from './session.js';

/** Runs the command line with some arguments, reports what went wrong on stderr, and gives the exit code. */
export async function run(args: readonly string[], session: Session, version: string): Promise<number> {
  try {
    await program(session, version).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    const text = sentence(error, session.signal);
    if (text) session.terminal.line(text);
    if (args.includes('--debug') && error instanceof Error) session.terminal.line(error.stack ?? '');
    return exitCode(error);
  } finally {
    session.terminal.end();
  }
}
