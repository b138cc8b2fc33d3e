#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { exitCode, sentence } from './errors.js';
import { program } from './program.js';
import { Session } from './session.js';

/** Whatever libraries say is not a result. */
for (const method of ['log', 'info', 'debug'] as const) console[method] = console.error;

const control = new AbortController();
// Once: a second Ctrl-C ends the process at once, as without this.
process.once('SIGINT', () => control.abort(new Error('Stopped.')));
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0); // whoever read it has enough
  throw error;
});

const { signal } = control;
const session = new Session({ stdout: process.stdout, stderr: process.stderr, signal });
let code = 0;
try {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  await program(session, (JSON.parse(text) as { version: string }).version).parseAsync();
} catch (error) {
  code = exitCode(error);
  const text = sentence(error, signal);
  if (text) session.terminal.line(text);
  if (process.argv.includes('--debug') && error instanceof Error) session.terminal.line(error.stack ?? '');
}
session.terminal.end();
process.stdout.write('', () => process.exit(code));
