import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const root = fileURLToPath(new URL('..', import.meta.url));

type Environment = Readonly<Record<string, string>>;

/** Names are not looked up on the real hub. */
const offline: Environment = { HF_HUB_OFFLINE: '1' };

/** Starts the command line from its sources, as a process of its own. */
export const start = (args: readonly string[], env: Environment = offline): ChildProcess =>
  spawn(process.execPath, ['--conditions=@blip2/source', '--import', 'tsx', 'src/cli/main.ts', ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

/** Runs the command line to its end. `watch` sees stdout grow and may signal. */
export function blip2(
  args: readonly string[],
  watch: (stdout: string, kill: (signal: NodeJS.Signals) => void) => void = () => {},
  env: Environment = offline,
): Promise<Ended> {
  const child = start(args, env);
  let [stdout, stderr] = ['', ''];
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    watch(stdout, (signal) => child.kill(signal));
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
