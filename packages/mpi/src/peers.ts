import { hostname } from 'node:os';
import type { Mpi, Request } from './functions.js';

/** Thrown where another process has failed, which reports the error itself. */
export class PeerError extends Error {
  override readonly name = 'PeerError';
  constructor(
    /** The process that failed. */
    readonly rank: number,
    /** What it reports. */
    readonly reported: string,
  ) {
    super(`Rank ${rank} failed: ${reported}`);
  }
}

/** Thrown where a process has not arrived at a collective operation in time, or has ended. */
export class MissingRankError extends Error {
  override readonly name = 'MissingRankError';
  constructor(
    message: string,
    /** The processes that are missing. */
    readonly ranks: readonly number[],
  ) {
    super(message);
  }
}

/** Where a process runs. */
export interface Peer {
  readonly pid: number;
  readonly host: string;
}

const kinds = { question: 1, answer: 2, failure: 3 } as const;

/** A message: kind, sender, its number of collective operations, length of the text, and the text's bytes. */
const HEAD = 4;
const TEXT = 240; // bytes; longer texts are cut
const LENGTH = HEAD + TEXT / 4;

/**
 * Messages between processes beside collective operations: which of these they have begun, and that they have failed. The
 * messages have a communicator of their own, so that they arrive while a collective operation waits.
 */
export class Peers {
  /** Where every process runs, by rank. */
  all: readonly Peer[] = [];
  /** The collective operations that this process has begun. */
  begun = 0;
  readonly #mpi: Mpi;
  readonly #rank: number;
  readonly #size: number;
  readonly #inbox = new Int32Array(new ArrayBuffer(4 * LENGTH));
  #receiving: Request;
  #sending: Request[] = [];
  #answers = new Map<number, number>();
  #failures = new Map<number, string>();

  constructor(mpi: Mpi, { rank, size }: { readonly rank: number; readonly size: number }) {
    this.#mpi = mpi;
    this.#rank = rank;
    this.#size = size;
    this.#receiving = mpi.irecv(this.#inbox);
  }

  /** Receives what has arrived, and answers questions. @throws PeerError where another process has failed */
  poll(): void {
    this.#receive();
    for (const [rank, text] of this.#failures) throw new PeerError(rank, text);
  }

  /** What processes of a lower rank have reported as their failure. */
  failuresBelow(): readonly string[] {
    this.#receive();
    return [...this.#failures].filter(([rank]) => rank < this.#rank).map(([, text]) => text);
  }

  #receive(): void {
    this.#sending = this.#sending.filter((request) => !this.#mpi.test(request));
    while (this.#mpi.test(this.#receiving)) {
      const [kind, from = 0, begun = 0, length = 0] = this.#inbox;
      const text = new TextDecoder().decode(new Uint8Array(this.#inbox.buffer, 4 * HEAD, TEXT).slice(0, length));
      this.#receiving = this.#mpi.irecv(this.#inbox);
      if (kind === kinds.question) this.#send(kinds.answer, [from]);
      else if (kind === kinds.answer) this.#answers.set(from, begun);
      else if (kind === kinds.failure) this.#failures.set(from, text);
    }
  }

  #send(kind: number, to: readonly number[], text = ''): void {
    for (const rank of to) {
      const message = new Int32Array(new ArrayBuffer(4 * LENGTH));
      const bytes = new TextEncoder().encode(text).subarray(0, TEXT);
      message.set([kind, this.#rank, this.begun, bytes.length]);
      new Uint8Array(message.buffer).set(bytes, 4 * HEAD);
      this.#sending.push(this.#mpi.isend(message, rank));
    }
  }

  get #others(): number[] {
    return Array.from({ length: this.#size }, (_, rank) => rank).filter((rank) => rank !== this.#rank);
  }

  /** Asks all others how far they are, and gives those that do not answer in time, or have not begun an operation. */
  async missing(operation: number, milliseconds: number): Promise<number[]> {
    this.#answers = new Map();
    this.#send(kinds.question, this.#others);
    const until = performance.now() + milliseconds;
    while (this.#answers.size < this.#size - 1 && performance.now() < until) {
      await sleep(5);
      this.poll();
    }
    return this.#others.filter((rank) => (this.#answers.get(rank) ?? -1) < operation);
  }

  /** Tells all others that this process has failed, as far as they still receive. */
  async fail(text: string): Promise<void> {
    this.#send(kinds.failure, this.#others, text);
    const until = performance.now() + 500;
    while (this.#sending.length > 0 && performance.now() < until) {
      this.#receive();
      await sleep(2);
    }
  }

  /** The processes of this computer that have ended. */
  lost(): number[] {
    const host = hostOf();
    return this.#others.filter((rank) => {
      const peer = this.all[rank];
      return peer?.host === host && !isRunning(peer.pid);
    });
  }

  /** What a process is called in messages. */
  nameOf(rank: number): string {
    const peer = this.all[rank];
    return peer ? `rank ${rank} (process ${peer.pid} on ${peer.host})` : `rank ${rank}`;
  }

  close(): void {
    this.#mpi.cancel(this.#receiving);
  }
}

/** The computer that this process runs on. */
export const hostOf = (): string => hostname();

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
