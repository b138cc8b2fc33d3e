import type { Communicator, Reduction } from '@blip2/trainer';
import * as tf from '@tensorflow/tfjs';
import { initialize, type Memory, type Mpi, type Request } from './functions.js';
import { loadLibrary } from './library.js';
import { hostOf, MissingRankError, type Peer, PeerError, Peers, sleep } from './peers.js';

/** Options of `openMpi`. */
export interface MpiOptions {
  /** The seconds after which a collective operation that waits reports the processes that have not arrived. Default 600. */
  readonly timeout?: number | undefined;
  /** Stops what waits, which then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What a process has exchanged so far. */
export interface Traffic {
  /** Collective operations. */
  readonly operations: number;
  /** Bytes of their values, in this process. */
  readonly bytes: number;
  /** Seconds for which this process has waited for them. */
  readonly waited: number;
}

/** The processes that MPI has started together. */
export interface MpiCommunicator extends Communicator {
  /** The implementation of MPI and its library. */
  readonly library: string;
  startAllReduce(values: Float32Array): Reduction;
  /** The number of processes on this computer. */
  readonly local: number;
  /** What was exchanged so far. */
  traffic(): Traffic;
  /** Why the launcher ends this process (SIGTERM): a `PeerError` where another process reports it. */
  whyEnded(): Error;
  /**
   * Tells all others that this process has failed, so that they stop.
   * @returns whether a process of a lower rank reports the same error, so that this one need not
   */
  fail(error: unknown): Promise<boolean>;
  /** Waits for all processes, and ends MPI. Not after `fail`: the process then just ends, and its launcher ends the others. */
  close(): Promise<void>;
}

/** A collective operation is polled so often at once, and then at intervals: the cores may be shared. */
const SPINS = 200;
const INTERVAL = 1; // milliseconds
/** How often it is checked whether the processes of this computer live. */
const CHECK = 250; // milliseconds
/** Bytes that say where a process runs. */
const PEER = 128;
/** How long the answers to the question are waited for who has arrived. */
const ANSWERS = 2000; // milliseconds

/**
 * Joins the processes that `mpirun` or `srun` has started together, by the MPI library that is installed: Open MPI, MPICH and
 * what shares its binary interface, or any implementation of the standard one of MPI 5.
 * @throws in one sentence where no MPI library is found, or this process was not started by MPI
 */
export async function openMpi({ timeout = 600, signal }: MpiOptions = {}): Promise<MpiCommunicator> {
  process.env.OMPI_MCA_mpi_yield_when_idle ??= '1'; // where it waits itself, as in MPI_Init
  const mpi = initialize(await loadLibrary());
  const [rank, size] = [mpi.rank(), mpi.size()];
  const peers = new Peers(mpi, { rank, size });
  const world = new World(mpi, peers, { rank, size, timeout: 1000 * timeout, signal });
  peers.all = await world.introduce({ pid: process.pid, host: hostOf() });
  world.answer();
  return world;
}

class World implements MpiCommunicator {
  readonly rank: number;
  readonly size: number;
  readonly library: string;
  readonly #mpi: Mpi;
  readonly #peers: Peers;
  readonly #timeout: number;
  readonly #signal: AbortSignal | undefined;
  #answering: NodeJS.Timeout | undefined;
  #bytes = 0;
  #waited = 0;

  constructor(
    mpi: Mpi,
    peers: Peers,
    { rank, size, timeout, signal }: { rank: number; size: number; timeout: number; signal: AbortSignal | undefined },
  ) {
    [this.rank, this.size, this.library] = [rank, size, mpi.name];
    [this.#mpi, this.#peers, this.#timeout, this.#signal] = [mpi, peers, timeout, signal];
  }

  /** Tells all others where this process runs. */
  async introduce({ pid, host }: Peer): Promise<Peer[]> {
    const own = new Int32Array(new ArrayBuffer(PEER));
    const name = new TextEncoder().encode(host).subarray(0, PEER - 8);
    own.set([pid, name.length]);
    new Uint8Array(own.buffer).set(name, 8);
    const all = new Int32Array(new ArrayBuffer(PEER * this.size));
    await this.#start('the first gathering', () => this.#mpi.iallgather(own, all), all).done();
    return Array.from({ length: this.size }, (_, rank) => {
      const [id = 0, length = 0] = all.subarray((PEER / 4) * rank);
      return { pid: id, host: new TextDecoder().decode(new Uint8Array(all.buffer, PEER * rank + 8, length)) };
    });
  }

  /** Answers the questions of others also while this process does something else. */
  answer(): void {
    this.#answering = setInterval(() => {
      try {
        this.#peers.poll();
      } catch {
        // the next collective operation reports it
      }
    }, 50);
    this.#answering.unref();
  }

  async allReduce(x: tf.Tensor): Promise<tf.Tensor> {
    const values = await valuesOf(x);
    await this.#start('a sum', () => this.#mpi.iallreduce(values), values).done();
    return tf.tensor(values, x.shape, x.dtype);
  }

  async allGather(x: tf.Tensor): Promise<tf.Tensor> {
    const own = await valuesOf(x);
    const all =
      own instanceof Float32Array ? new Float32Array(memory(own, this.size)) : new Int32Array(memory(own, this.size));
    await this.#start('a gathering', () => this.#mpi.iallgather(own, all), all).done();
    const [first = 1, ...others] = x.shape;
    return tf.tensor(all, [this.size * first, ...others], x.dtype);
  }

  async broadcast(x: tf.Tensor): Promise<tf.Tensor> {
    const values = await valuesOf(x);
    await this.#start('a broadcast', () => this.#mpi.ibcast(values), values).done();
    return tf.tensor(values, x.shape, x.dtype);
  }

  async barrier(patient = false): Promise<void> {
    const values = new Int32Array(new ArrayBuffer(4));
    await this.#start('a barrier', () => this.#mpi.iallreduce(values), values, patient).done();
  }

  startAllReduce(values: Float32Array): Reduction {
    return this.#start('a sum of gradients', () => this.#mpi.iallreduce(values), values);
  }

  traffic(): Traffic {
    return { operations: this.#peers.begun, bytes: this.#bytes, waited: this.#waited };
  }

  get local(): number {
    return this.#peers.all.filter(({ host }) => host === hostOf()).length;
  }

  whyEnded(): Error {
    try {
      this.#peers.poll();
    } catch (error) {
      return error as Error;
    }
    const lost = this.#peers.lost();
    const host = hostOf();
    const reporting = this.#peers.all.findIndex((peer, rank) => peer.host === host && !lost.includes(rank));
    if (lost.length > 0) {
      return reporting === this.rank ? this.#lostError(lost) : new PeerError(reporting, 'a rank was lost');
    }
    if (this.rank > 0) return new PeerError(0, 'the launcher has ended the run');
    return new Error('The launcher has ended the run (SIGTERM); start it again with --resume.');
  }

  async fail(error: unknown): Promise<boolean> {
    clearInterval(this.#answering);
    if (error instanceof PeerError) return true;
    const text = String((error as Error | undefined)?.message ?? error);
    await this.#peers.fail(text).catch(() => {}); // a process that is lost receives nothing
    // those of a lower rank report an error that all have
    const until = performance.now() + (this.rank === 0 ? 0 : 300);
    do {
      if (this.#peers.failuresBelow().some((one) => text.startsWith(one))) return true;
      await sleep(10);
    } while (performance.now() < until);
    return false;
  }

  async close(): Promise<void> {
    await this.barrier(true);
    clearInterval(this.#answering);
    this.#peers.close();
    this.#mpi.finalize();
  }

  #start(what: string, start: () => Request, values: Memory, patient = false): Reduction {
    this.#peers.poll();
    const operation = ++this.#peers.begun;
    const request = start();
    this.#bytes += values.byteLength;
    let complete = false;
    const progress = (): boolean => {
      complete ||= this.#mpi.test(request);
      return complete;
    };
    return {
      progress,
      done: () => (progress() ? Promise.resolve() : this.#wait(progress, { what, operation, patient })),
    };
  }

  async #wait(
    progress: () => boolean,
    { what, operation, patient }: { what: string; operation: number; patient: boolean },
  ): Promise<void> {
    const began = performance.now();
    let checked = began;
    try {
      for (let polls = 0; !progress(); polls++) {
        this.#signal?.throwIfAborted();
        this.#peers.poll();
        const now = performance.now();
        if (now - checked > CHECK) {
          checked = now;
          this.#expectAlive();
        }
        if (!patient && now - began > this.#timeout) await this.#late(what, operation);
        if (polls < SPINS) await immediate();
        else await sleep(INTERVAL);
      }
    } finally {
      this.#waited += (performance.now() - began) / 1000;
    }
  }

  /** @throws MissingRankError where a process of this computer has ended */
  #expectAlive(): void {
    const lost = this.#peers.lost();
    if (lost.length > 0) throw this.#lostError(lost);
  }

  #lostError(lost: readonly number[]): MissingRankError {
    const names = lost.map((rank) => this.#peers.nameOf(rank)).join(', ');
    return new MissingRankError(`${capital(names)} was lost; start all again with --resume.`, lost);
  }

  /** @throws MissingRankError naming those that have not arrived */
  async #late(what: string, operation: number): Promise<never> {
    const missing = await this.#peers.missing(operation, ANSWERS);
    const waited = `${what} has waited for ${this.#timeout / 1000} s (--timeout)`;
    if (missing.length === 0) {
      throw new MissingRankError(`${capital(waited)}, although every rank has arrived; check the network.`, []);
    }
    const names = missing.map((rank) => this.#peers.nameOf(rank)).join(', ');
    throw new MissingRankError(`${capital(names)} is missing: ${waited}; start all again with --resume.`, missing);
  }
}

/** A copy of a tensor's values, in memory that does not move. */
async function valuesOf(x: tf.Tensor): Promise<Memory> {
  const values = await x.data();
  const bytes = new ArrayBuffer(4 * values.length);
  const copy = x.dtype === 'int32' ? new Int32Array(bytes) : new Float32Array(bytes);
  copy.set(values);
  if (x.dtype === 'int32' || x.dtype === 'float32') return copy;
  throw new Error(`Processes exchange float32 and int32, not ${x.dtype}; cast the tensor.`);
}

const memory = (one: Memory, count: number): ArrayBuffer => new ArrayBuffer(one.byteLength * count);

const immediate = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
