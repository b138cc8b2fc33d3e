import type { MpiLibrary } from './library.js';

/** A buffer that MPI reads or writes: its memory must not move, so a view of an ArrayBuffer of its own, or of a heap. */
export type Memory = Float32Array | Int32Array;

/** A request that is under way, and what it uses until it is complete. */
export interface Request {
  /** The handle, which MPI replaces when the request is complete. */
  readonly handle: Uint8Array;
  readonly memory: readonly Memory[];
}

/** The functions of MPI that are needed, over the world or a copy of it. @throws for each with what MPI says of the error */
export interface Mpi {
  readonly name: string;
  rank(): number;
  size(): number;
  /** Starts to sum values over all processes, in place. */
  iallreduce(values: Memory): Request;
  /** Starts to gather `own` from all into `all`. */
  iallgather(own: Memory, all: Memory): Request;
  /** Starts to give every process the values of process 0. */
  ibcast(values: Memory): Request;
  /** Starts to send a message to a process. */
  isend(message: Int32Array, to: number): Request;
  /** Starts to receive a message from any process. */
  irecv(message: Int32Array): Request;
  /** Lets MPI progress, and returns whether a request is complete. */
  test(request: Request): boolean;
  /** Gives up a message that was to be received. */
  cancel(request: Request): void;
  finalize(): void;
}

const TAG = 0;
/** At least MPI_MAX_ERROR_STRING of all implementations. */
const TEXT = 8192;
/** At least the size of MPI_Status of all implementations, which is not read. */
const STATUS = 64;

/** Initializes MPI, whose calls all come from this thread. */
export function initialize({ handle: library, abi, path }: MpiLibrary): Mpi {
  const H = abi.handle;
  const define = (name: string, parameters: string) => {
    const call = library.func(`int ${name}(${parameters})`);
    return (...values: unknown[]): void => {
      const code = call(...values) as number;
      if (code !== 0) throw new Error(`${name} of ${path} failed: ${describe(code)}.`);
    };
  };
  const errorString = library.func('int MPI_Error_string(int code, void *text, void *length)');
  const describe = (code: number): string => {
    const [text, length] = [new Uint8Array(new ArrayBuffer(TEXT)), int()];
    errorString(code, text, length);
    return new TextDecoder().decode(text.subarray(0, length[0])).split('\n')[0] ?? String(code);
  };
  const init = define('MPI_Init', 'void *argc, void *argv');
  const finalize = define('MPI_Finalize', '');
  const commRank = define('MPI_Comm_rank', `${H} comm, void *rank`);
  const commSize = define('MPI_Comm_size', `${H} comm, void *size`);
  const commDup = define('MPI_Comm_dup', `${H} comm, void *copy`);
  const onError = define('MPI_Comm_set_errhandler', `${H} comm, ${H} handler`);
  const allreduce = define(
    'MPI_Iallreduce',
    `intptr_t own, void *all, int count, ${H} type, ${H} op, ${H} comm, void *request`,
  );
  const allgather = define(
    'MPI_Iallgather',
    `void *own, int count, ${H} type, void *all, int each, ${H} types, ${H} comm, void *request`,
  );
  const bcast = define('MPI_Ibcast', `void *values, int count, ${H} type, int root, ${H} comm, void *request`);
  const isend = define('MPI_Isend', `void *values, int count, ${H} type, int to, int tag, ${H} comm, void *request`);
  const irecv = define('MPI_Irecv', `void *values, int count, ${H} type, int from, int tag, ${H} comm, void *request`);
  const test = define('MPI_Test', 'void *request, void *flag, void *status');
  const cancel = define('MPI_Cancel', 'void *request');

  init(null, null);
  onError(abi.world, abi.errorsReturn);
  const copyOfWorld = (): bigint | number => {
    const copy = new Uint8Array(new ArrayBuffer(8));
    commDup(abi.world, copy);
    const view = new DataView(copy.buffer);
    return abi.handleBytes === 8 ? view.getBigInt64(0, true) : view.getInt32(0, true);
  };
  const [collectives, messages] = [copyOfWorld(), copyOfWorld()];
  for (const comm of [collectives, messages]) onError(comm, abi.errorsReturn);
  const typeOf = (memory: Memory): bigint | number => (memory instanceof Float32Array ? abi.float : abi.int32);
  const request = (memory: readonly Memory[], start: (handle: Uint8Array) => void): Request => {
    const handle = new Uint8Array(new ArrayBuffer(8));
    start(handle);
    return { handle, memory };
  };
  const number = (read: (comm: bigint | number, value: Int32Array) => void) => (): number => {
    const value = int();
    read(abi.world, value);
    return value[0] as number;
  };
  const [flag, status] = [int(), new Uint8Array(new ArrayBuffer(STATUS))];
  const complete = ({ handle }: Request): boolean => {
    test(handle, flag, status);
    return flag[0] !== 0;
  };
  return {
    name: `${abi.name} (${path})`,
    rank: number(commRank),
    size: number(commSize),
    iallreduce: (values) =>
      request([values], (handle) =>
        allreduce(abi.inPlace, values, values.length, typeOf(values), abi.sum, collectives, handle),
      ),
    iallgather: (own, all) =>
      request([own, all], (handle) =>
        allgather(own, own.length, typeOf(own), all, own.length, typeOf(own), collectives, handle),
      ),
    ibcast: (values) =>
      request([values], (handle) => bcast(values, values.length, typeOf(values), 0, collectives, handle)),
    isend: (message, to) =>
      request([message], (handle) => isend(message, message.length, abi.int32, to, TAG, messages, handle)),
    irecv: (message) =>
      request([message], (handle) => irecv(message, message.length, abi.int32, abi.anySource, TAG, messages, handle)),
    test: complete,
    cancel: (one) => {
      cancel(one.handle);
      while (!complete(one)); // a cancelled request completes at once
    },
    finalize: () => finalize(),
  };
}

const int = (): Int32Array => new Int32Array(new ArrayBuffer(4));
