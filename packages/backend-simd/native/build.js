import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Compiles the native kernels of backend-simd and attention to native/PLATFORM/kernels.node, and kernels.json with its digest:
// for this computer's platform with its C compiler, CC or else cc, where it has one; with --all for every platform with zig of a
// pinned version, which pip installs from PyPI into .cache. Files that are newer than the sources stay, but for --force.
// --harness runs harness.c on x64 and, by qemu-user, on arm64, and holds what they compute against each other.

const packages = new URL('../../', import.meta.url);
const path = (relative) => fileURLToPath(new URL(relative, packages));
const sources = ['backend-simd/native/', 'attention/native/'].flatMap((folder) =>
  readdirSync(path(folder)).map((name) => path(folder + name)),
);
const ZIG = '0.17.1';
/** Bytes that a file for a platform stays below. */
const CEILING = 200_000;

/** Flags of the instruction sets that processors of a kind may have. */
const INSTRUCTIONS = {
  x64: {
    avx2: ['-mavx2', '-mfma', '-mf16c'],
    avx512: ['-mavx2', '-mfma', '-mf16c', '-mavx512f', '-mavx512dq', '-mavx512bw', '-mavx512vl'],
  },
  arm64: { neon: [] },
};
/** Compiled once: what no instruction set makes faster. */
const PLAIN = /(addon|call|freestanding|problem)\.c$/;
/** STREAMING_KERNELS in kernels.h, whose build for AVX2 serves AVX-512 too. */
const STREAMING = /(activations|half-product|train)\.c$/;
/** VNNI_KERNELS in kernels.h, whose second build is for AVX-512 with dot products of whole numbers. */
const VNNI = /quantized\.c$/;
const FLAGS = [
  ...['-std=gnu11', '-fvisibility=hidden', '-ffp-contract=off', '-fno-asynchronous-unwind-tables', '-fno-math-errno'],
  ...['-fomit-frame-pointer', '-fno-stack-protector', '-g0'],
];
const BARE = ['-DFREESTANDING', '-ffreestanding', '-nostdlib', '-fno-sanitize=all'];
/** Files whose loops clang may turn into vectors; elsewhere that makes only what is rarely run larger. */
const VECTORIZED = /quantized\.c$/;

/** Platforms by their names in Node: zig's, and how a library is linked that finds Node-API in the program that loads it. */
const PLATFORMS = {
  'linux-x64': { target: 'x86_64-linux-musl', link: ['-shared', '-Wl,-s', '-Wl,-z,undefs', '-Wl,--build-id=none'] },
  'linux-arm64': { target: 'aarch64-linux-musl', link: ['-shared', '-Wl,-s', '-Wl,-z,undefs', '-Wl,--build-id=none'] },
  'darwin-x64': { target: 'x86_64-macos.11.0', link: ['-shared', '-undefined', 'dynamic_lookup', '-s'] },
  'darwin-arm64': { target: 'aarch64-macos.11.0', link: ['-shared', '-undefined', 'dynamic_lookup', '-s'] },
  'win32-x64': { target: 'x86_64-windows-gnu', link: ['-shared', '-s', '-lkernel32', '-Wl,--entry,DllMainCRTStartup'] },
};

function run([command, ...first], args, options = {}) {
  const { status, stderr, error } = spawnSync(command, [...first, ...args], { encoding: 'utf8', ...options });
  if (status === 0) return;
  const lines = (stderr ?? '').split('\n').filter((line) => /error|undefined/i.test(line));
  throw new Error(error?.message ?? `${command} failed: ${lines[0] ?? stderr}`);
}

/** Whole or not at all: another process may be reading, or have loaded the file that is replaced. */
function put(file, content) {
  const partial = `${file}.${process.pid}.tmp`;
  writeFileSync(partial, content);
  renameSync(partial, file);
}

/** The flags of each build of a file. */
function buildsOf(file, processor) {
  if (PLAIN.test(file)) return [['-Os']];
  const { avx2, avx512, neon } = INSTRUCTIONS[processor];
  if (neon) return [['-O2', ...neon]];
  if (STREAMING.test(file)) return [['-O2', ...avx2]];
  return [avx2, VNNI.test(file) ? [...avx512, '-mavx512vnni'] : avx512].map((flags) => ['-O2', ...flags]);
}

/** Compiles for one platform. */
function compile(platform, compiler, flags, link) {
  const work = join(tmpdir(), `blip2-native-${process.pid}`);
  mkdirSync(work);
  try {
    const objects = [];
    for (const file of sources.filter((name) => /(?<!harness)\.c$/.test(name))) {
      for (const own of buildsOf(file, platform.split('-')[1])) {
        const object = `${objects.length}.o`; // a short name: it may end up in the file
        const scalar = flags.includes('-ffreestanding') && !VECTORIZED.test(file) ? ['-fno-vectorize'] : [];
        run(compiler, [...FLAGS, ...flags, ...scalar, ...own, '-c', file, '-o', object], { cwd: work });
        objects.push(object);
      }
    }
    run(compiler, [...flags, ...link, '-o', 'kernels.node', ...objects], { cwd: work });
    const bytes = readFileSync(join(work, 'kernels.node'));
    if (platform.startsWith('win32')) bytes.writeUInt32LE(0, bytes.readUInt32LE(0x3c) + 8); // the time of linking
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    put(path(`../native/${platform}/kernels.node`), bytes);
    put(path(`../native/${platform}/kernels.json`), `${JSON.stringify({ sha256 })}\n`);
    return { bytes: bytes.length, sha256 };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function isFresh(platform) {
  const times = ['node', 'json'].map(
    (type) => statSync(path(`../native/${platform}/kernels.${type}`), { throwIfNoEntry: false })?.mtimeMs ?? 0,
  );
  return Math.min(...times) > Math.max(...sources.map((file) => statSync(file).mtimeMs));
}

function compileHere() {
  const platform = `${process.platform}-${process.arch}`;
  const say = (why) => console.log(`native kernels for ${platform} are not built (${why}); WebAssembly serves.`);
  if (!(platform in PLATFORMS)) return say('no package is made for it');
  if (isFresh(platform) && !process.argv.includes('--force')) return;
  const compiler = process.env.CC ?? 'cc';
  if (process.platform === 'win32') return say('compile them with --all');
  if (spawnSync(compiler, ['--version']).status !== 0) return say(`there is no C compiler '${compiler}'`);
  const link = process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared', '-s'];
  try {
    compile(platform, [compiler], ['-fPIC'], link);
  } catch (error) {
    say(error.message);
  }
}

/** The command of zig's C compiler, which is installed when it is not there. */
function zig() {
  const folder = path('../.cache/zig/');
  const python = join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  if (!existsSync(python)) run([process.platform === 'win32' ? 'python' : 'python3'], ['-m', 'venv', folder]);
  run([python], ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `ziglang==${ZIG}`]);
  return [python, '-m', 'ziglang', 'cc'];
}

function compileAll() {
  const compiler = zig();
  for (const [platform, { target, link }] of Object.entries(PLATFORMS)) {
    const pic = platform.startsWith('win32') ? [] : ['-fPIC'];
    const { bytes, sha256 } = compile(platform, compiler, ['-target', target, ...pic, ...BARE], link);
    console.log(`${platform}: ${bytes} bytes, sha256 ${sha256}`);
    if (bytes >= CEILING) throw new Error(`the file for ${platform} has to be smaller than ${CEILING} bytes`);
  }
}

/** Throws where kernels for arm64 compute something else than those for x64; says so where neither can be tried. */
function compareHarness() {
  const qemu = process.env.QEMU ?? 'qemu-aarch64-static';
  const skip = (why) => console.log(`SKIPPED native kernels on arm64: ${why}.`);
  if (spawnSync(qemu, ['--version']).status !== 0) return skip(`there is no ${qemu}; install it, or name it in QEMU`);
  let compiler;
  try {
    compiler = zig();
  } catch (error) {
    return skip(`zig cannot be installed (${error.message})`);
  }
  const files = sources.filter((name) => /(?<!addon|freestanding)\.c$/.test(name));
  const kinds = [
    { target: 'x86_64-linux-musl', own: INSTRUCTIONS.x64.avx2, emulator: [] },
    { target: 'aarch64-linux-musl', own: [], emulator: [qemu] },
  ];
  const [x64, arm64] = kinds.map(({ target, own, emulator }) => {
    const program = join(tmpdir(), `blip2-harness-${process.pid}`);
    try {
      run(compiler, ['-target', target, ...FLAGS, '-O2', '-static', '-DHARNESS', ...own, ...files, '-o', program]);
      const [command, ...args] = [...emulator, program];
      const { status, stdout, error } = spawnSync(command, args, { encoding: 'utf8' });
      if (status !== 0) throw new Error(error?.message ?? `${command} ended with ${status}`);
      return stdout;
    } finally {
      rmSync(program, { force: true });
    }
  });
  if (x64.includes('refused')) throw new Error(`calls are wrong:\n${x64}`);
  if (x64 !== arm64) throw new Error(`arm64 computes something else:\n${x64}\n${arm64}`);
  console.log(`${x64.trim().split('\n').length} calls of kernels give the same bits on x64 and on arm64`);
}

if (process.argv.includes('--all')) compileAll();
else if (process.argv.includes('--harness')) compareHarness();
else compileHere();
