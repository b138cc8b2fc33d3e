import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { starterUrl } from '@blip2/starter';
import { starterFiles } from '@blip2/starter/files';
import { defineConfig, type Plugin } from 'vite';

const folder = join(fileURLToPath(starterUrl('blip2')), '..');
/** The files of the starter that the page has: not the BERT, from which only a training from nothing starts. */
const paths = [...starterFiles.keys()].filter((path) => !path.startsWith('bert/'));

/** Puts the files of the starter model into the page, at `starter/`. */
const starter = (): Plugin => ({
  name: 'starter',
  async generateBundle() {
    for (const path of paths) {
      const source = await readFile(join(folder, path));
      this.emitFile({ type: 'asset', fileName: `starter/${path}`, source });
    }
  },
  configureServer(server) {
    server.middlewares.use('/starter', async (request, response) => {
      const path = new URL(request.url ?? '/', 'http://localhost').pathname.slice(1);
      if (paths.includes(path)) response.end(await readFile(join(folder, path)));
      else response.writeHead(404).end();
    });
  },
});

const LIST = '@blip2/starter/files';

/** Replaces the list of the starter's files by their paths alone: as addresses, vite would emit each file under a second name. */
const starterPaths = (): Plugin => ({
  name: 'starter-paths',
  enforce: 'pre',
  resolveId: (name) => (name === LIST ? `\0${LIST}` : undefined),
  load(id) {
    if (id !== `\0${LIST}`) return undefined;
    const entries = `${JSON.stringify(paths)}.map((path) => [path, new URL(path, self.location.href)])`;
    return `export const starterFiles = new Map(${entries});`;
  },
});

/** With these headers a page is cross-origin isolated, and its model has threads. */
const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

export default defineConfig({
  base: './',
  plugins: [starter(), starterPaths()],
  worker: { format: 'es', plugins: () => [starterPaths()] },
  build: { target: 'es2022', assetsInlineLimit: 0, chunkSizeWarningLimit: 4000, modulePreload: false },
  server: { headers },
  preview: { headers },
});
