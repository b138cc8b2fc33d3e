import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProcessOptions {
  /** Default: the hub is offline. */
  readonly env?: Readonly<Record<string, string>>;
  /** Modules that are imported before the command line. */
  readonly imports?: readonly string[];
  /** Called when stdout grows; may send signals. */
  readonly watch?: (stdout: string, kill: (signal: NodeJS.Signals) => void) => void;
}

const root = fileURLToPath(new URL('..', import.meta.url));

/** Starts the command line from its sources, as a process of its own. */
export const start = (args: readonly string[], { env, imports = [] }: ProcessOptions = {}): ChildProcess => {
  const flags = ['--conditions=@blip2/source', ...['tsx', ...imports].flatMap((name) => ['--import', name])];
  return spawn(process.execPath, [...flags, 'src/cli/main.ts', ...args], {
    cwd: root,
    env: { ...process.env, ...(env ?? { HF_HUB_OFFLINE: '1' }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
};

/** Runs the command line to its end. */
export function blip2(args: readonly string[], options: ProcessOptions = {}): Promise<Ended> {
  const child = start(args, options);
  let [stdout, stderr] = ['', ''];
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    options.watch?.(stdout, (signal) => child.kill(signal));
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
