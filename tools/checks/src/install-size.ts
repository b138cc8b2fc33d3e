import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { packAll } from './packaging/pack.js';
import { addPackages, type Tarballs, withProject } from './packaging/project.js';
import { installLines } from './readmes/blocks.js';
import { runFirstExample, startLocalHub } from './readmes/run-examples.js';
import { type Package, publishedPackages, root } from './workspace.js';

/** What `npm install` of one package brings. */
interface Installed {
  readonly name: string;
  /** Bytes of node_modules. */
  readonly all: number;
  /** Bytes of it that are not TensorFlow.js'. */
  readonly own: number;
  readonly seconds: number;
  /** What the first example of the README writes. */
  readonly output: string;
}

/** Installs one package, and what it names as peers, in an empty project; then runs the first example of its README. */
async function install({ folder, manifest: { name } }: Package, tarballs: Tarballs, hub: string): Promise<Installed> {
  const start = performance.now();
  return withProject([name], tarballs, async (project) => {
    const seconds = (performance.now() - start) / 1000;
    const modules = join(project, 'node_modules');
    const all = bytesOf(modules);
    const own = all - bytesOf(join(modules, '@tensorflow'));
    const readme = join(folder, 'README.md');
    if (!existsSync(readme)) return { name, all, own, seconds, output: '' };
    const more = installLines(readFileSync(readme, 'utf8')).filter((one) => one !== name);
    if (more.length > 0) await addPackages(project, more, tarballs);
    const output = (await runFirstExample(readme, project, hub)) ?? '(no example)';
    return { name, all, own, seconds, output };
  });
}

function bytesOf(folder: string): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sum + bytesOf(path);
    return entry.isFile() ? sum + statSync(path).size : sum;
  }, 0);
}

/** The beginning of the output on one line, without TensorFlow.js' banner; of a failure, its message. */
function summary(output: string): string {
  const lines = output.split('\n').filter((line) => !/^(\s+at |Node\.js v|={5,}|Hi, looks like)/.test(line));
  const error = lines.find((line) => /^\w*Error\b/.test(line));
  const text = (error ?? lines.join(' ')).replace(/\s+/g, ' ').trim();
  return text ? `\`${text.replaceAll('|', '\\|').replaceAll('`', "'").slice(0, 100)}\`` : '(no output)';
}

// [--workspace DIR] [PACKAGE…]: writes a table; DIR is another checkout, built, to compare with
const args = process.argv.slice(2);
const workspace = args[0] === '--workspace' ? resolve(args.splice(0, 2)[1] ?? root) : root;
const packages = publishedPackages(workspace);
const folder = mkdtempSync(join(tmpdir(), 'blip2-packs-'));
const hub = await startLocalHub();
try {
  const tarballs = await packAll(packages, folder, workspace);
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
  console.log('| package | MB | MB without TensorFlow.js | seconds | first example |\n|---|---|---|---|---|');
  for (const pkg of packages) {
    const { name } = pkg.manifest;
    if (args.length > 0 && !args.includes(name.replace('@blip2/', ''))) continue;
    const { all, own, seconds, output } = await install(pkg, tarballs, hub.endpoint);
    const cells = [name, megabytes(all), megabytes(own), seconds.toFixed(1), summary(output)];
    console.log(`| ${cells.join(' | ')} |`);
  }
} finally {
  await hub.close();
  rmSync(folder, { recursive: true, force: true });
}
