import { run } from './cli.js';

process.exitCode = await run(process.argv.slice(2), {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
});
if (process.argv.includes('webgpu')) process.exit(); // Dawn's own end may crash
