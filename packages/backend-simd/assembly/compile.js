import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const packages = new URL('../../', import.meta.url);
const own = 'backend-simd/assembly/'; // its functions may be imported by the other packages' kernels
const variants = { simd: ['simd'], relaxed: ['simd', 'relaxed-simd'] };
const SECTION = 'digest';

/**
 * Compiles packages/NAME/assembly to dist/kernels.simd.wasm and dist/kernels.relaxed.wasm, where they were not compiled from
 * these sources. Each carries a digest of its sources, which is written to the file `digest` of the package too: what loads a
 * module compares them, since a module of other sources computes wrong numbers without an error. With --digest nothing else is done.
 */
export async function compile(name, digestFile) {
  const digest = digestOf([own, `${name}/assembly/`].flatMap(sourcesOf));
  if (digestFile) keepDigest(new URL(`${name}/${digestFile}`, packages), digest);
  if (process.argv.includes('--digest')) return;
  const dist = new URL(`${name}/dist/`, packages);
  mkdirSync(dist, { recursive: true });
  for (const [variant, features] of Object.entries(variants)) {
    const target = new URL(`kernels.${variant}.wasm`, dist);
    if (carries(target, digest) && !process.argv.includes('--force')) continue;
    const options = ['-O3', '--noAssert', '--runtime', 'stub', '--importMemory', '--sharedMemory'];
    options.push('--initialMemory', '1', '--maximumMemory', '65536', '--enable', 'threads');
    for (const feature of features) options.push('--enable', feature);
    const { default: asc } = await import('assemblyscript/asc');
    const { error, stderr } = await asc.main([`${name}/assembly/index.ts`, '-o', 'kernels.wasm', ...options], {
      readFile: (path) => {
        const file = new URL(path, packages);
        return statSync(file, { throwIfNoEntry: false }) ? readFileSync(file, 'utf8') : null;
      },
      writeFile: (_, contents) => put(target, Buffer.concat([contents, section(digest)])),
      listFiles: () => [],
    });
    if (error) {
      console.error(`${fileURLToPath(target)} was not built: ${error.message}\n${stderr.toString()}`);
      process.exit(1);
    }
  }
}

function sourcesOf(folder) {
  const url = new URL(folder, packages);
  return readdirSync(url)
    .filter((name) => /\.(ts|js)$/.test(name))
    .sort()
    .map((name) => folder + name);
}

/** Whole or not at all: another process may be reading. */
function put(file, contents) {
  const partial = new URL(`${file.pathname.split('/').at(-1)}.${process.pid}.tmp`, file);
  writeFileSync(partial, contents);
  renameSync(partial, file);
}

function digestOf(files) {
  const hash = createHash('sha256');
  for (const file of files) {
    hash.update(`${file}\0${readFileSync(new URL(file, packages), 'utf8').replaceAll('\r\n', '\n')}\0`);
  }
  return hash.digest('hex').slice(0, 16);
}

/** Whether there is a module of these sources: the digest is its last section. */
function carries(file, digest) {
  const tail = section(digest);
  return statSync(file, { throwIfNoEntry: false }) && readFileSync(file).subarray(-tail.length).equals(tail);
}

/** A custom section of a module: short enough for its lengths to be single bytes. */
function section(digest) {
  const content = [SECTION.length, ...Buffer.from(SECTION + digest)];
  return Uint8Array.from([0, content.length, ...content]);
}

/** Writes the digest for the package's own code, which is committed: so CI finds a commit that forgot it. */
function keepDigest(file, digest) {
  const text = `/** Of the sources of the WebAssembly modules, which carry it too; assembly/compile.js writes it. */
export const DIGEST = '${digest}';
`;
  if (statSync(file, { throwIfNoEntry: false }) && readFileSync(file, 'utf8') === text) return;
  if (process.env.CI) {
    console.error(`${fileURLToPath(file)} has not the digest ${digest} of the assembly: build, and commit the file.`);
    process.exit(1);
  }
  put(file, text);
}
