import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A launcher of one of the implementations of MPI. */
export interface Launcher {
  readonly name: string;
  readonly command: string;
  /** Options before the number of processes. */
  readonly options: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const found = (command: string): boolean => {
  try {
    execFileSync('which', [command], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

/** Open MPI refuses root, and more processes than cores, unless these are set. */
const openMpi: Launcher = {
  name: 'Open MPI',
  command: 'mpirun.openmpi',
  options: ['--oversubscribe', '--bind-to', 'none'],
  env: { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' },
};

const mpich: Launcher = { name: 'MPICH', command: 'mpirun.mpich', options: [], env: {} };

/** The folder of an implementation of the standard binary interface, as the wheel `mpich` of PyPI has it: `bin` and `lib`. */
const standardIn = (folder: string): Launcher => ({
  name: 'the MPI ABI',
  command: join(folder, 'bin', 'mpiexec.hydra'),
  options: [],
  env: { BLIP2_MPI: join(folder, 'lib', 'libmpi_abi.so.1') },
});

/** The launchers of this computer; `MPI_ABI_HOME` names the folder of one with the standard interface. */
export function launchers(): Launcher[] {
  const { MPI_ABI_HOME: home } = process.env;
  return [
    ...[openMpi, mpich].filter(({ command }) => found(command)),
    ...(home !== undefined && existsSync(join(home, 'lib', 'libmpi_abi.so.1')) ? [standardIn(home)] : []),
  ];
}

/** A run of several processes. */
export interface Launched {
  readonly child: ChildProcess;
  /** The ids of the processes that have started, by rank. */
  ranks(): number[];
  /** Those of all, as soon as so many have started. */
  pids(count: number): Promise<number[]>;
  /** Resolves when the launcher has ended. */
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
  /** What was written to stderr so far. */
  stderr(): string;
}

/** Starts programs by a launcher: `arguments_` begin with the number of processes. */
export function launch(
  { command, options, env }: Launcher,
  arguments_: readonly string[],
  more: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): Launched {
  const child = spawn(command, [...options, ...arguments_], {
    env: { ...process.env, ...env, ...more.env },
    ...(more.cwd !== undefined && { cwd: more.cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return {
    child,
    ranks: () => ranksOf(child.pid as number),
    pids: (count) => started(child.pid as number, count),
    ended: new Promise((resolve, reject) => {
      child.on('error', reject).on('close', (code) => resolve({ code, stdout, stderr }));
    }),
    stderr: () => stderr,
  };
}

/** The variables in which launchers give a process its rank. */
const RANK = /(?:^|\0)(?:OMPI_COMM_WORLD_RANK|PMI_RANK)=(\d+)/;

/** The descendants of a launcher that have a rank, by rank (Linux). */
function ranksOf(launcher: number): number[] {
  const pids: number[] = [];
  for (const pid of descendants(launcher)) {
    const rank = RANK.exec(text(`/proc/${pid}/environ`))?.[1];
    if (rank !== undefined && text(`/proc/${pid}/cmdline`).startsWith(process.execPath)) pids[Number(rank)] ??= pid;
  }
  return pids;
}

async function started(launcher: number, count: number): Promise<number[]> {
  for (let tries = 0; tries < 600; tries++) {
    const pids = ranksOf(launcher);
    if (Object.keys(pids).length === count) return pids;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`The launcher ${launcher} has not started ${count} processes in 30 s.`);
}

function descendants(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const parent = /^\d+ \(.*\) \S (\d+)/s.exec(text(`/proc/${name}/stat`))?.[1];
    if (parent !== undefined) children.set(Number(parent), [...(children.get(Number(parent)) ?? []), Number(name)]);
  }
  const below = (one: number): number[] => (children.get(one) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(pid);
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
