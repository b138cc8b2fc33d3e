import koffi, { type LibraryHandle } from 'koffi';

/** The binary interfaces of MPI libraries: the types and values of what `mpi.h` declares. */
export interface Abi {
  readonly name: 'Open MPI' | 'MPICH' | 'the MPI ABI';
  /** The C type of a handle. */
  readonly handle: 'intptr_t' | 'int';
  /** The bytes of a handle. */
  readonly handleBytes: 8 | 4;
  /** MPI_COMM_WORLD. */
  readonly world: bigint | number;
  /** MPI_FLOAT. */
  readonly float: bigint | number;
  /** MPI_INT32_T. */
  readonly int32: bigint | number;
  /** MPI_SUM. */
  readonly sum: bigint | number;
  /** MPI_ERRORS_RETURN. */
  readonly errorsReturn: bigint | number;
  /** MPI_IN_PLACE. */
  readonly inPlace: bigint;
  /** MPI_ANY_SOURCE. */
  readonly anySource: number;
}

/** MPICH 3 and later, Intel MPI, MVAPICH, Cray MPI: the MPICH ABI Compatibility Initiative. */
export const mpich: Abi = {
  name: 'MPICH',
  handle: 'int',
  handleBytes: 4,
  world: 0x44000000,
  float: 0x4c00040a,
  int32: 0x4c000439,
  sum: 0x58000003,
  errorsReturn: 0x54000001,
  inPlace: -1n,
  anySource: -2,
};

/** `libmpi_abi` of any implementation (MPI 5.0, chapter 20). */
export const standard: Abi = {
  name: 'the MPI ABI',
  handle: 'intptr_t',
  handleBytes: 8,
  world: 0x101n,
  float: 0x210n,
  int32: 0x250n,
  sum: 0x21n,
  errorsReturn: 0x143n,
  inPlace: 1n,
  anySource: -1,
};

/** Open MPI, whose handles are addresses of objects in its library. */
function openMpi(library: LibraryHandle): Abi {
  const address = (name: string): bigint => koffi.address(library.symbol(name, 'char'));
  return {
    name: 'Open MPI',
    handle: 'intptr_t',
    handleBytes: 8,
    world: address('ompi_mpi_comm_world'),
    float: address('ompi_mpi_float'),
    int32: address('ompi_mpi_int32_t'),
    sum: address('ompi_mpi_op_sum'),
    errorsReturn: address('ompi_mpi_errors_return'),
    inPlace: 1n,
    anySource: -1,
  };
}

/** Recognizes the interface of a library by its symbols. @throws for a library that is not MPI */
export function abiOf(library: LibraryHandle, path: string): Abi {
  const has = (name: string): boolean => {
    try {
      library.symbol(name, 'char');
      return true;
    } catch {
      return false;
    }
  };
  if (has('ompi_mpi_comm_world')) return openMpi(library);
  if (!has('MPI_Iallreduce')) throw new Error(`${path} is no MPI library, as it has no MPI_Iallreduce; name another.`);
  return isStandard(library, has) ? standard : mpich;
}

/** Whether a library says that it has the standard interface; one with another says that its version is -1. */
function isStandard(library: LibraryHandle, has: (name: string) => boolean): boolean {
  if (!has('MPI_Abi_get_version')) return false;
  const [major, minor] = [new Int32Array(new ArrayBuffer(4)), new Int32Array(new ArrayBuffer(4))];
  const version = library.func('int MPI_Abi_get_version(void *major, void *minor)');
  return version(major, minor) === 0 && (major[0] as number) >= 1;
}
