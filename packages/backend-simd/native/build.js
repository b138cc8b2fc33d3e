import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Compiles the native kernels of backend-simd and attention for this computer's platform, with its C compiler: to
// native/PLATFORM/kernels.node, and kernels.json with its digest. Without a compiler kernels run in WebAssembly.

const packages = new URL('../../', import.meta.url);
const folders = ['backend-simd/native/', 'attention/native/'].map((folder) => fileURLToPath(new URL(folder, packages)));
const platform = `${process.platform}-${process.arch}`;
const target = fileURLToPath(new URL(`../native/${platform}/`, packages));

/** Flags of each instruction set that a processor of this kind may have. */
const BUILDS = {
  x64: {
    avx2: ['-mavx2', '-mfma', '-mf16c'],
    avx512: ['-mavx2', '-mfma', '-mf16c', '-mavx512f', '-mavx512dq', '-mavx512bw', '-mavx512vl'],
  },
  arm64: { neon: [] },
};
const FLAGS = ['-std=gnu11', '-fPIC', '-fvisibility=hidden', '-ffp-contract=off', '-fno-asynchronous-unwind-tables'];

const say = (reason) => console.log(`native kernels for ${platform} are not built (${reason}); WebAssembly serves.`);

function compile() {
  const builds = BUILDS[process.arch];
  if (!builds || !statSync(target, { throwIfNoEntry: false })) return say('no package is made for it');
  const files = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  const newest = Math.max(...files.map((file) => statSync(file).mtimeMs));
  const node = join(target, 'kernels.node');
  const built = statSync(join(target, 'kernels.json'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built > newest && statSync(node, { throwIfNoEntry: false }) && !process.argv.includes('--force')) return;
  const compiler = process.env.CC ?? 'cc';
  if (spawnSync(compiler, ['--version']).status !== 0) return say(`there is no C compiler '${compiler}'`);
  const work = join(tmpdir(), `blip2-native-${process.pid}`);
  mkdirSync(work);
  try {
    const objects = [];
    for (const file of files.filter((name) => name.endsWith('.c'))) {
      const own = file.endsWith('addon.c');
      for (const [build, flags] of own ? [['', []]] : Object.entries(builds)) {
        const object = join(work, `${objects.length}-${build}.o`);
        run(compiler, [...FLAGS, own ? '-Os' : '-O3', ...flags, '-c', file, '-o', object]);
        objects.push(object);
      }
    }
    const link = process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared', '-s'];
    const result = join(work, 'kernels.node');
    run(compiler, [...link, '-o', result, ...objects]);
    const bytes = readFileSync(result);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    // Whole or not at all: another process may be reading, or have loaded the file that is replaced.
    put(join(target, 'kernels.node'), bytes);
    put(join(target, 'kernels.json'), `${JSON.stringify({ sha256 })}\n`);
  } catch (error) {
    say(error.message);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function run(command, args) {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} failed: ${stderr.trim().split('\n')[0]}`);
}

function put(file, content) {
  const partial = `${file}.${process.pid}.tmp`;
  writeFileSync(partial, content);
  renameSync(partial, file);
}

compile();
