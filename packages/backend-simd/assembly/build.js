// Compiles this folder to dist/kernels.simd.wasm and dist/kernels.relaxed.wasm, when they are missing or older than their sources.
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = new URL('../', import.meta.url);
const dist = new URL('dist/', root);
const sources = readdirSync(new URL('assembly/', root)).filter((name) => name.endsWith('.ts'));
const newest = Math.max(
  ...[...sources.map((name) => `assembly/${name}`), 'assembly/build.js'].map((p) => statSync(new URL(p, root)).mtimeMs),
);
const variants = { simd: ['simd'], relaxed: ['simd', 'relaxed-simd'] };

mkdirSync(dist, { recursive: true });
for (const [name, features] of Object.entries(variants)) {
  const target = new URL(`kernels.${name}.wasm`, dist);
  const built = statSync(target, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built > newest && !process.argv.includes('--force')) continue;
  const options = ['-O3', '--noAssert', '--runtime', 'stub', '--importMemory', '--sharedMemory'];
  options.push('--initialMemory', '1', '--maximumMemory', '65536', '--enable', 'threads');
  for (const feature of features) options.push('--enable', feature);
  const { error, stderr } = await asc.main(['index.ts', '-o', 'kernels.wasm', ...options], {
    readFile: (path) => {
      const file = new URL(`assembly/${path}`, root);
      return statSync(file, { throwIfNoEntry: false }) ? readFileSync(file, 'utf8') : null;
    },
    writeFile: (_, contents) => {
      const partial = new URL(`kernels.${name}.${process.pid}.tmp`, dist);
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
