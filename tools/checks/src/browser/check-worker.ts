import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, CDPSession } from 'playwright-core';
import type { Result } from '../report.js';
import { root } from '../workspace.js';
import { serve } from './server.js';

/** How often a model is loaded and its worker ended. */
const ROUNDS = 4;
/** Bytes that a loaded starter takes at least. */
const LOADED = 60e6;
/** The share of what a loaded model takes that may be left: code that was compiled, and what the collector keeps for later. */
const LEFT = 0.3;
const PATIENCE = 20_000;

/** Loads the starter in a worker and captions; ends the worker. */
const page = `<!doctype html><title>worker</title><link rel="icon" href="data:,"><script type="module">
import { fromPretrained } from '/web/blip2.js';
globalThis.load = async () => {
  globalThis.model = await fromPretrained(undefined, { starter: '/starter/' });
  return (await model.caption('/photos/coffee.png')).caption;
};
globalThis.end = () => model.terminate();
globalThis.ready = true;
</script>`;

/**
 * Measures the memory of a page's process, as the system counts it, while models are loaded in workers and their workers ended, by
 * the file for pages without a bundler. Where the system has no /proc, it says so, and checks nothing.
 */
export async function checkWorker(browser: Browser): Promise<Result[]> {
  if (process.platform !== 'linux') {
    console.log(
      'SKIPPED browser, worker: the memory of a process is read from /proc, which this system does not have.',
    );
    return [];
  }
  const folders = {
    '/web/': join(root, 'packages/web/dist'),
    '/starter/': join(root, 'packages/starter/models'),
    '/photos/': join(root, 'tools/testing/fixtures/photos'),
  };
  const site = await serve({ folders, page, isolated: true });
  const context = await browser.newContext();
  const name = 'browser, worker: ending it gives the memory of the model back';
  try {
    const tab = await context.newPage();
    await tab.goto(site.url);
    await tab.waitForFunction('globalThis.ready');
    const client = await context.newCDPSession(tab);
    const taken: { readonly loaded: number; readonly ended: number }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await tab.evaluate('load()');
      const loaded = await resident(browser);
      await tab.evaluate('end()');
      const base = taken[0]?.ended;
      const limit = base === undefined ? 0 : base + LEFT * (loaded - base);
      taken.push({ loaded, ended: await settled(browser, client, limit) });
    }
    return [{ name, problems: problemsOf(taken) }];
  } catch (error) {
    return [{ name, problems: [String(error)] }];
  } finally {
    await context.close();
    site.close();
  }
}

/** What is wrong about the memory of each round, of which the first also compiles. */
function problemsOf([first, ...rounds]: readonly { readonly loaded: number; readonly ended: number }[]): string[] {
  const { ended: base } = first!;
  return rounds.flatMap(({ loaded, ended }, i) => {
    const share = (ended - base) / (loaded - base);
    const text = `round ${i + 2}: ${megabytes(base)} without a model, ${megabytes(loaded)} with it, ${megabytes(ended)} after`;
    return loaded - base < LOADED || share > LEFT ? [text] : [];
  });
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

/** Resident memory of the processes of pages in bytes. */
async function resident(browser: Browser): Promise<number> {
  const client = await browser.newBrowserCDPSession();
  const { processInfo } = await client.send('SystemInfo.getProcessInfo');
  await client.detach();
  let sum = 0;
  for (const { type, id } of processInfo) {
    if (type !== 'renderer') continue;
    const status = readFileSync(`/proc/${id}/status`, 'utf8');
    sum += 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  }
  return sum;
}

/** Resident memory once it is down to a limit, or no longer falls. */
async function settled(browser: Browser, client: CDPSession, limit: number): Promise<number> {
  const end = Date.now() + PATIENCE;
  let least = Number.POSITIVE_INFINITY;
  let still = 0;
  while (Date.now() < end && least > limit && still < 10) {
    await client.send('HeapProfiler.collectGarbage');
    await sleep(200);
    const now = await resident(browser);
    still = now < 0.98 * least ? 0 : still + 1;
    least = Math.min(least, now);
  }
  return least;
}
