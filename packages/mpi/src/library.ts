import { type Abi, abiOf } from './abi.js';

/** A loaded MPI library. */
export interface MpiLibrary {
  readonly path: string;
  readonly abi: Abi;
  readonly handle: import('koffi').LibraryHandle;
}

/** How a process was started: the launchers set these variables. */
type Environment = Readonly<Record<string, string | undefined>>;

/** File names by platform, in the order in which they are tried. */
const files = {
  openMpi: ['libmpi.so.40', 'libmpi.40.dylib'],
  mpich: ['libmpich.so.12', 'libmpi.so.12', 'libmpich.12.dylib', 'libmpi.12.dylib'],
  standard: ['libmpi_abi.so.1', 'libmpi_abi.so.0', 'libmpi_abi.1.dylib', 'libmpi_abi.0.dylib'],
};

/** By these a process knows that it is one of several: the variables of Open MPI's, MPICH's and Slurm's launchers. */
const launched = (environment: Environment): boolean =>
  ['OMPI_COMM_WORLD_SIZE', 'PMI_SIZE', 'PMI_RANK', 'PMIX_RANK', 'SLURM_PROCID'].some(
    (name) => environment[name] !== undefined,
  );

/**
 * Loads the MPI library that the launcher of this process belongs to, or the one that `BLIP2_MPI` names.
 * @throws in one sentence where the process was not started by mpirun or srun, and where no library is found
 */
export async function loadLibrary(environment: Environment = process.env): Promise<MpiLibrary> {
  if (!launched(environment)) {
    throw new Error(
      'This process was not started by MPI; start it as `mpirun -n 2 blip2 train … --distributed`, or by srun.',
    );
  }
  const named = environment.BLIP2_MPI;
  const candidates = named === undefined ? candidatesFor(environment) : [named];
  const { default: koffi } = await import('koffi');
  // UCX, below many MPIs, otherwise replaces the calls by which malloc gets memory while V8's threads make them: one start in 14 crashed
  process.env.UCX_MEM_EVENTS ??= 'n';
  for (const path of candidates) {
    let handle: import('koffi').LibraryHandle;
    try {
      handle = koffi.load(path, { global: true, lazy: true });
    } catch (cause) {
      if (named === undefined) continue;
      throw new Error(`BLIP2_MPI names ${path}, which cannot be loaded as a library; name another.`, { cause });
    }
    return { path, handle, abi: abiOf(handle, path) };
  }
  throw new Error(
    `No MPI library is found (tried ${candidates.join(', ')}); install Open MPI or MPICH, or name one in BLIP2_MPI.`,
  );
}

/** Those of the launcher first: a process of another library's launcher would be alone in its world. */
function candidatesFor(environment: Environment): string[] {
  const { openMpi, mpich, standard } = files;
  const ofPlatform = (names: readonly string[]): string[] =>
    names.filter((name) => name.endsWith('.dylib') === (process.platform === 'darwin'));
  const isOpenMpi = environment.OMPI_COMM_WORLD_SIZE !== undefined;
  const isPmi = environment.PMI_RANK !== undefined && environment.PMIX_RANK === undefined;
  const order = isOpenMpi ? [openMpi] : isPmi ? [mpich, standard] : [openMpi, mpich, standard];
  return order.flatMap(ofPlatform);
}
