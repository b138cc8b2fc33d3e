import { fileURLToPath } from 'node:url';
import { launch, launchers } from '@blip2/testing/mpi';
import { expect, jest, test } from '@jest/globals';
import { loadLibrary } from './library.js';

jest.setTimeout(120_000);

const program = fileURLToPath(new URL('./testing/collectives.ts', import.meta.url));
const root = fileURLToPath(new URL('..', import.meta.url));
const node = [process.execPath, '--conditions=@blip2/source', '--import', 'tsx'];

const installed = launchers();
if (installed.length === 0) console.warn('No MPI is installed: the tests of its collective operations are skipped.');

(installed.length === 0 ? test.skip : test)('collective operations of every MPI that is installed', async () => {
  for (const launcher of installed) {
    const { code, stdout, stderr } = await launch(launcher, ['-n', '3', ...node, program], { cwd: root }).ended;
    if (code !== 0) throw new Error(`${launcher.name}: ${stderr}`);
    const printed = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    printed.sort((a, b) => a.rank - b.rank);
    for (const [rank, one] of printed.entries()) {
      expect(one).toEqual({
        rank,
        size: 3,
        local: 3,
        library: expect.stringContaining(`${launcher.name} (`),
        sum: ['float32', [1, 2], [6, 1.5]],
        all: ['float32', [3, 2], [1, 0.5, 2, 0.5, 3, 0.5]],
        first: ['float32', [1, 2], [1, 0.5]],
        ids: ['int32', [6], [0, 0, 1, -1, 2, -2]],
        reduced: [
          [6, 6],
          [6, 6],
          [6, 6],
        ],
        operations: 9,
        bytes: expect.any(Number),
      });
    }
  }
});

test('outside MPI the error says how to start, and a library that is missing is named', async () => {
  await expect(loadLibrary({})).rejects.toThrow(
    'This process was not started by MPI; start it as `mpirun -n 2 blip2 train … --distributed`, or by srun.',
  );
  await expect(loadLibrary({ PMI_SIZE: '2', BLIP2_MPI: '/nowhere/libmpi.so' })).rejects.toThrow(
    'BLIP2_MPI names /nowhere/libmpi.so, which cannot be loaded as a library; name another.',
  );
});

(process.platform === 'linux' ? test : test.skip)('a library that is not MPI is refused', async () => {
  await expect(loadLibrary({ PMI_SIZE: '2', BLIP2_MPI: 'libm.so.6' })).rejects.toThrow(
    'libm.so.6 is no MPI library, as it has no MPI_Iallreduce; name another.',
  );
});
