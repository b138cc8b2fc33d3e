import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

// Bundles this package, as tsc has compiled it, with all that it needs into one file, dist/blip2.js, for pages without a bundler.
// What other bundlers emit as files of their own is in it: WebAssembly modules as bytes, scripts of workers as text that becomes a
// blob. A blob has no address that others are relative to, so each is given the file's own.

const FILE = /new URL\('([^']+\.(wasm|js))', import\.meta\.url\)/g;
const SCRIPT = 'script';
const HOME = 'globalThis.blip2Script';

const embed = {
  name: 'embed',
  setup({ onLoad, onResolve }) {
    onLoad({ filter: /[\\/]dist[\\/].*\.js$/, namespace: 'file' }, ({ path }) => {
      const imports = [];
      const contents = readFileSync(path, 'utf8').replace(FILE, (_, name, type) => {
        const file = resolve(dirname(path), name);
        const id = `embedded${imports.length}`;
        imports.push(`import ${id} from ${JSON.stringify(type === 'js' ? `${SCRIPT}:${file}` : file)};\n`);
        return type === 'js' ? `new URL(${id}())` : id;
      });
      return { contents: imports.join('') + contents, resolveDir: dirname(path) };
    });
    onResolve({ filter: /^script:/ }, ({ path }) => ({ path: path.slice(SCRIPT.length + 1), namespace: SCRIPT }));
    onLoad({ filter: /./, namespace: SCRIPT }, async ({ path }) => {
      const text = JSON.stringify(await bundle(path, { 'import.meta.url': HOME }));
      const home = `'${HOME}=' + JSON.stringify(import.meta.url) + ';'`;
      const blob = `new Blob([${home}, ${text}], { type: 'text/javascript' })`;
      return { contents: `let url; export default () => (url ??= URL.createObjectURL(${blob}));` };
    });
  },
};

/** The text of a module with all that it imports. */
async function bundle(entry, define = {}) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    external: ['usearch'], // the approximate index, imported in Node alone
    loader: { '.wasm': 'binary' },
    plugins: [embed],
    define,
    logLevel: 'error',
  });
  return outputFiles[0].text;
}

const target = fileURLToPath(new URL('../dist/blip2.js', import.meta.url));
const partial = `${target}.${process.pid}.tmp`;
writeFileSync(partial, await bundle(fileURLToPath(new URL('../dist/index.js', import.meta.url))));
renameSync(partial, target);
