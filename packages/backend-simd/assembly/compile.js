import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const packages = new URL('../../', import.meta.url);
const own = 'backend-simd/assembly/'; // its functions may be imported by the other packages' kernels
const variants = { simd: ['simd'], relaxed: ['simd', 'relaxed-simd'] };

/**
 * Compiles packages/NAME/assembly to dist/kernels.simd.wasm and dist/kernels.relaxed.wasm, when they are missing or older
 * than their sources.
 */
export async function compile(name) {
  const newest = Math.max(...[own, `${name}/assembly/`].flatMap(sourcesOf).map((file) => statSync(file).mtimeMs));
  const dist = new URL(`${name}/dist/`, packages);
  mkdirSync(dist, { recursive: true });
  for (const [variant, features] of Object.entries(variants)) {
    const target = new URL(`kernels.${variant}.wasm`, dist);
    const built = statSync(target, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (built > newest && !process.argv.includes('--force')) continue;
    const options = ['-O3', '--noAssert', '--runtime', 'stub', '--importMemory', '--sharedMemory'];
    options.push('--initialMemory', '1', '--maximumMemory', '65536', '--enable', 'threads');
    for (const feature of features) options.push('--enable', feature);
    const { error, stderr } = await asc.main([`${name}/assembly/index.ts`, '-o', 'kernels.wasm', ...options], {
      readFile: (path) => {
        const file = new URL(path, packages);
        return statSync(file, { throwIfNoEntry: false }) ? readFileSync(file, 'utf8') : null;
      },
      writeFile: (_, contents) => {
        const partial = new URL(`kernels.${variant}.${process.pid}.tmp`, dist);
        writeFileSync(partial, contents);
        renameSync(partial, target); // whole or not at all: another process may be reading
      },
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
    .map((name) => new URL(name, url));
}
