import type { MpiCommunicator } from '@blip2/mpi';
import { Option } from 'commander';
import { ReportedError, UsageError } from './errors.js';
import { numberOption, type SharedOptions } from './options.js';
import type { Session } from './session.js';

/** Options of commands that several processes run together. */
export interface DistributedFlags extends SharedOptions {
  readonly distributed?: boolean;
  readonly timeout?: number;
}

/** The options that join the processes which mpirun has started. */
export const distributedOptions = (): Option[] => [
  new Option('--distributed', 'run as one of the processes that mpirun or srun has started; needs @blip2/mpi'),
  numberOption('--timeout <s>', 'with --distributed, seconds that processes wait for each other (default: 600)', {
    above: 0,
  }),
];

/** What a process that is one of several has for its command. */
export interface Joined {
  /** Absent where the command runs alone. */
  readonly communicator?: MpiCommunicator;
  /** Aborted too where a process of this computer has ended, or the launcher ends this one. */
  readonly signal: AbortSignal;
  /** Threads of each process: the cores, divided by the processes of this computer. */
  readonly threads?: number;
}

/**
 * Runs a command as one of the processes that MPI has started, with `--distributed`, or else alone. Where one process fails, all
 * end: that process reports why.
 * @throws UsageError for --timeout alone
 */
export async function withProcesses<T>(
  { distributed = false, timeout, threads, backend }: DistributedFlags,
  session: Session,
  run: (joined: Joined) => Promise<T>,
): Promise<T> {
  if (!distributed) {
    if (timeout !== undefined) throw new UsageError('--timeout is for --distributed.');
    return run({ signal: session.signal, ...(threads !== undefined && { threads }) });
  }
  const { openMpi } = await mpiPackage();
  const ended = new AbortController();
  const signal = AbortSignal.any([session.signal, ended.signal]);
  const communicator = await openMpi({ timeout, signal });
  const { rank, local } = communicator;
  const end = (): void => ended.abort(communicator.whyEnded());
  process.once('SIGTERM', end);
  try {
    const cores = (await import('node:os')).availableParallelism();
    const each = threads ?? Math.max(1, Math.min(4, Math.floor(cores / local)));
    const result = await run({ communicator, signal, ...(backend === 'simd' && { threads: each }) });
    await communicator.close();
    return result;
  } catch (error) {
    const reported = await communicator.fail(error);
    if (reported) throw new ReportedError('Another process reports it.');
    const isOwn = error instanceof Error && error.name !== 'MissingRankError' && error !== session.signal.reason;
    if (rank > 0 && isOwn) {
      error.message = `Rank ${rank}: ${error.message}`;
    }
    throw error;
  } finally {
    process.off('SIGTERM', end);
  }
}

/** Loads `@blip2/mpi`, which is installed separately. @throws where it is not installed, with the command that installs it */
async function mpiPackage(): Promise<typeof import('@blip2/mpi')> {
  return import('@blip2/mpi').catch((error: NodeJS.ErrnoException) => {
    const missing = error.code === 'ERR_MODULE_NOT_FOUND' && error.message.includes("package '@blip2/mpi'");
    if (!missing) throw error;
    throw new Error('Training by several processes is a package of its own; run: npm install @blip2/mpi');
  });
}
