#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { run } from './run.js';
import { Session } from './session.js';

// Whatever libraries print is not a result.
for (const method of ['log', 'info', 'debug'] as const) console[method] = console.error;

const control = new AbortController();
// Once: a second Ctrl-C ends the process at once, as without this.
process.once('SIGINT', () => control.abort(new Error('Stopped.')));
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0); // the reader has closed the pipe
  throw error;
});

const session = new Session({ stdout: process.stdout, stderr: process.stderr, signal: control.signal });
const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const code = await run(process.argv.slice(2), session, version);
process.stdout.write('', () => process.exit(code));
