import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { findChromium } from '../browser/check.js';
import { serve } from '../browser/server.js';
import { addPackages, type Tarballs, withProject } from '../packaging/project.js';
import type { Result } from '../report.js';
import { run } from '../run.js';
import { drawEmoji } from './drawing.js';
import { type Recipe, recipe } from './guide.js';
import { FIREFOX_DRIVER, findFirefox, openInChromium, openInFirefox } from './open.js';
import { differences, type Outcome } from './outcome.js';
import { checkServer, checkServiceWorker, servers } from './servers.js';
import { quick, type Target, targets } from './targets.js';

const PACKAGES = [
  '@blip2/models',
  '@blip2/web',
  '@blip2/attention',
  '@blip2/backend-simd',
  '@blip2/qformer',
  '@blip2/tensor',
];
const THREADS = 2;
const LIMIT = 300_000;
const FORWARD = readFileSync(new URL('forward.js', import.meta.url), 'utf8');
/** What stays of a project from one target to the next. */
const KEPT = ['package.json', 'package-lock.json', 'node_modules'];

/** Appended to the page's program: it computes what `forward` gives once the program has written its caption. */
const ASK = `
import { forward } from './forward.js';
addEventListener('unhandledrejection', ({ reason }) => { globalThis.failed = String(reason?.stack ?? reason); });
new MutationObserver(() => { globalThis.checked ??= forward(); }).observe(document.querySelector('output'), { childList: true });
globalThis.listens = true;
`;

/** Inserted into the program of a page without a bundler, whose model says what computes. */
const ASK_INLINE = `
globalThis.checked = loading.then(({ info }) => ({ threads: info.backend.threads, fallbacks: {}, values: [] }));
globalThis.checked.catch((error) => { globalThis.failed = String(error.stack); });
globalThis.listens = true;
</script>`;

/** Appended to a program that is run from the command line. */
const TELL = `
import { forward } from './forward.js';
console.log(JSON.stringify(await forward()));
process.exit(0);
`;

/**
 * Builds and runs the programs of docs/browser.md, by its own commands, with the packed packages: with each bundler, whose page
 * is opened in browsers, and in other runtimes; all have to compute what Node does.
 * @param names of targets, or `every`. Default: those that take seconds
 */
export async function checkBundles(tarballs: Tarballs, names: readonly string[] = quick): Promise<Result[]> {
  const known = ['every', ...[...targets, ...servers].map(({ name }) => name), 'service-worker'];
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`There is no target ${unknown.join(', ')}: give ${known.join(', ')}.`);
  const wanted = ({ name }: { name: string }): boolean => names.includes(name) || names.includes('every');
  const results: Result[] = [];
  await withProject([...PACKAGES, '@tensorflow/tfjs'], tarballs, async (project) => {
    if (targets.some(wanted)) {
      const node = await runProgram({ name: 'node', heading: 'Node', tools: [] }, project);
      for (const target of targets.filter(wanted)) {
        results.push(...(await checkTarget(target, { project, node, tarballs })));
      }
    }
    for (const server of servers.filter(wanted)) results.push(...(await checkServer(server, project, tarballs)));
    if (wanted({ name: 'service-worker' })) results.push(...(await checkServiceWorker(project)));
  });
  return results;
}

interface Place {
  readonly project: string;
  readonly node: Outcome;
  readonly tarballs: Tarballs;
}

async function checkTarget(target: Target, { project, node, tarballs }: Place): Promise<Result[]> {
  const { name, tools, page, browsers = ['chromium'] } = target;
  try {
    await addPackages(project, tools, tarballs);
    if (!page)
      return [{ name: `bundles ${name}`, problems: differences(await runProgram(target, project), node, THREADS) }];
    await build(target, project);
    return await openAll({ ...target, page: join(project, page), browsers }, { project, node, tarballs });
  } catch (error) {
    return [{ name: `bundles ${name}`, problems: [(error as Error).message] }];
  }
}

/** Opens a built page isolated in each browser, and not isolated in Chromium. */
async function openAll(
  { name, page, browsers, inline }: Target & { page: string; browsers: readonly string[] },
  { project, node, tarballs }: Place,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const browser of browsers) {
    const executablePath = browser === 'firefox' ? findFirefox() : findChromium();
    if (!executablePath) {
      console.log(
        `SKIPPED bundles ${name}, ${browser}: there is none; install it, or name it in ${browser.toUpperCase()}_PATH.`,
      );
      continue;
    }
    if (browser === 'firefox') await addPackages(project, [FIREFOX_DRIVER], tarballs);
    for (const isolated of browser === 'chromium' ? [true, false] : [true]) {
      const index = readFileSync(join(page, 'index.html'), 'utf8');
      const site = await serve({ folders: { '/': page }, page: index, isolated });
      const opened = { url: site.url, image: join(project, 'apple.png'), executablePath };
      const title = `bundles ${name}, ${browser}${isolated ? '' : ', not isolated'}`;
      try {
        const outcome = await (browser === 'firefox' ? openInFirefox(opened, project) : openInChromium(opened));
        const expected = inline ? { ...node, fallbacks: {}, values: [] } : node;
        const threads = inline ? Math.min(availableParallelism(), 4) : THREADS;
        results.push({ name: title, problems: differences(outcome, expected, isolated ? threads : 1) });
      } catch (error) {
        results.push({ name: title, problems: [(error as Error).message] });
      } finally {
        site.close();
      }
    }
  }
  return results;
}

/** Writes the files of a recipe into the project, and runs its commands there. Gives what the last one wrote. */
async function follow(
  { heading }: Target,
  project: string,
  more: (files: Recipe['files']) => Record<string, string>,
): Promise<string> {
  const { files, commands } = recipe(heading);
  for (const name of readdirSync(project)) {
    if (!KEPT.includes(name)) rmSync(join(project, name), { recursive: true }); // of the target before
  }
  for (const [path, text] of Object.entries({ ...files, ...more(files) })) {
    mkdirSync(dirname(join(project, path)), { recursive: true });
    writeFileSync(join(project, path), text);
  }
  await drawEmoji('red-apple', join(project, 'apple.png'));
  let output = '';
  for (const command of commands) {
    const outcome = await run('sh', ['-c', command], { cwd: project, timeout: LIMIT });
    if (outcome.code !== 0)
      throw new Error(`'${command}' of docs/browser.md ends with ${outcome.code}: ${outcome.output}`);
    output = outcome.output;
  }
  return output;
}

async function build(target: Target, project: string): Promise<void> {
  await follow(target, project, (files) =>
    target.inline
      ? { 'index.html': (files['index.html'] as string).replace('</script>', ASK_INLINE) }
      : { 'src/main.js': files['src/main.js'] + ASK, 'src/forward.js': FORWARD },
  );
}

async function runProgram(target: Target, project: string): Promise<Outcome> {
  const output = await follow(target, project, (files) => ({
    'caption.js': files['caption.js'] + TELL,
    'forward.js': FORWARD,
  }));
  const [caption = '', outcome = ''] = output.trim().split('\n').slice(-2);
  return { ...(JSON.parse(outcome) as Omit<Outcome, 'caption'>), caption };
}
