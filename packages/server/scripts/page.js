import { cpSync, existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Copies the built web page into this package, without the starter model: the server gives the files that @blip2/starter has.
const site = join(dirname(fileURLToPath(import.meta.resolve('@blip2/site/package.json'))), 'dist');
const page = fileURLToPath(new URL('../page', import.meta.url));
if (!existsSync(join(site, 'index.html')))
  throw new Error(`There is no built page in ${site}; run 'npm run build' there.`);
rmSync(page, { recursive: true, force: true });
cpSync(site, page, { recursive: true, filter: (path) => path !== join(site, 'starter') });
