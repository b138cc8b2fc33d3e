import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { findChromium } from '../browser/check.js';
import { serve } from '../browser/server.js';
import { addPackages, type Tarballs } from '../packaging/project.js';
import type { Result } from '../report.js';
import { recipe } from './guide.js';

/** A server whose lines in docs/browser.md are tried. */
interface Server {
  readonly name: string;
  /** The heading in docs/browser.md, whose first file is used. */
  readonly heading: string;
  /** Its program; for Node's own, the packages that it needs. */
  readonly program: string | readonly string[];
  /** The whole configuration around the lines of the page, for a folder `public` in `folder`. */
  readonly configure?: (lines: string, folder: string, port: number) => Readonly<Record<string, string>>;
  readonly args?: readonly string[];
}

const modules = ['mpm_event', 'authz_core', 'headers', 'dir', 'mime'];

export const servers: readonly Server[] = [
  {
    name: 'nginx',
    heading: 'nginx',
    program: 'nginx',
    configure: (lines, folder, port) => ({
      'nginx.conf': `user root; daemon off; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events {} http { access_log off; server { listen 127.0.0.1:${port}; root ${folder}/public;\n${lines}\n} }`,
    }),
    args: ['-p', '.', '-c', 'nginx.conf'],
  },
  {
    name: 'apache',
    heading: 'Apache',
    program: 'apache2',
    configure: (lines, folder, port) => ({
      'apache.conf': `ServerRoot ${folder}\nServerName localhost\nPidFile apache.pid\nErrorLog error.log\nUser www-data
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
TypesConfig /etc/mime.types\nListen 127.0.0.1:${port}\nDocumentRoot ${folder}/public
<Directory ${folder}/public>\nAllowOverride All\nRequire all granted\n</Directory>`,
      'public/.htaccess': lines,
    }),
    args: ['-X', '-d', '.', '-f', 'apache.conf'],
  },
  {
    name: 'caddy',
    heading: 'Caddy',
    program: 'caddy',
    configure: (lines, folder, port) => ({
      Caddyfile: `{\nadmin off\n}\nhttp://127.0.0.1:${port} {\nroot * ${folder}/public\nfile_server\n${lines}\n}`,
    }),
    args: ['run', '--config', 'Caddyfile', '--adapter', 'caddyfile'],
  },
  { name: 'express', heading: 'Express', program: ['express@5'] },
  { name: 'hono', heading: 'Hono', program: ['hono@4', '@hono/node-server@1'] },
];

const wanted = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };

/** Starts a server with its lines of docs/browser.md, and asks it for a page and for what is not there. */
export async function checkServer(server: Server, project: string, tarballs: Tarballs): Promise<Result[]> {
  const { name, heading, program, configure, args = [] } = server;
  const title = `bundles ${name}`;
  if (typeof program === 'string' && !isInstalled(program)) {
    console.log(`SKIPPED ${title}: there is no ${program}; install it.`);
    return [];
  }
  const folder = join(project, name);
  const port = await freePort();
  const [[file, lines] = ['', '']] = Object.entries(recipe(heading).files);
  const files = configure?.(lines, folder, port) ?? { [file]: lines };
  mkdirSync(join(folder, 'public'), { recursive: true });
  for (const place of [project, folder]) chmodSync(place, 0o755); // servers read as another user
  for (const [path, text] of Object.entries({ ...files, 'public/index.html': '<!doctype html>' })) {
    writeFileSync(join(folder, path), text);
  }
  if (typeof program !== 'string') await addPackages(project, program, tarballs);
  const [command, given] = typeof program === 'string' ? [program, args] : [process.execPath, [file]];
  const child = spawn(command, given, { cwd: folder, env: { ...process.env, PORT: `${port}` }, stdio: 'pipe' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  try {
    return [{ name: title, problems: await problemsOf(`http://127.0.0.1:${port}/`, child) }];
  } catch (error) {
    return [{ name: title, problems: [`${error}\n${output}`] }];
  } finally {
    child.kill();
  }
}

async function problemsOf(url: string, child: ChildProcess): Promise<string[]> {
  let response: Response | undefined;
  for (let tries = 0; !response; tries++) {
    if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}.`);
    response = await fetch(url).catch((error) => {
      if (tries > 100) throw error;
      return undefined;
    });
    if (!response) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const problems = response.status === 200 ? [] : [`The page has the status ${response.status}.`];
  for (const [header, value] of Object.entries(wanted)) {
    const sent = response.headers.get(header);
    if (sent !== value) problems.push(`The page has ${header}: ${sent}, not ${value}.`);
  }
  return problems;
}

const isInstalled = (program: string): boolean => {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Opens the page of docs/browser.md whose service worker adds the headers, from a server that sends none. */
export async function checkServiceWorker(project: string): Promise<Result[]> {
  const name = 'bundles service worker';
  const executablePath = findChromium();
  if (!executablePath) {
    console.log(`SKIPPED ${name}: there is no Chromium; install one, or name it in CHROMIUM_PATH.`);
    return [];
  }
  const folder = join(project, 'isolation');
  mkdirSync(folder, { recursive: true });
  const { files } = recipe('Hosts that set no headers');
  for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
  writeFileSync(join(folder, 'worker.js'), 'postMessage(self.crossOriginIsolated)');
  const site = await serve({ folders: { '/': folder }, page: files['isolated.html'] ?? '', isolated: false });
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    const blocked = await browser.newContext({ serviceWorkers: 'block' });
    const alone = await blocked.newPage();
    await alone.goto(site.url);
    const before = await alone.evaluate('crossOriginIsolated');
    const page = await browser.newPage();
    await page.goto(site.url);
    await page.waitForFunction('crossOriginIsolated', undefined, { timeout: 20_000 });
    const worker = await page.evaluate(`new Promise((resolve) => {
      new Worker('worker.js', { type: 'module' }).onmessage = ({ data }) => resolve(data);
    })`);
    const problems = before === false ? [] : ['The page is isolated without it: this shows nothing.'];
    if (worker !== true) problems.push(`A worker of the page is isolated: ${worker}.`);
    return [{ name, problems }];
  } catch (error) {
    return [{ name, problems: [String(error)] }];
  } finally {
    await browser.close();
    site.close();
  }
}
