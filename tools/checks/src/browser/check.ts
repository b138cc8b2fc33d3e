import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findChromium } from '@blip2/testing/chromium';
import { type Browser, chromium } from 'playwright-core';
import type { Result } from '../report.js';
import { root } from '../workspace.js';
import { checkModels } from './check-models.js';
import { checkWorker } from './check-worker.js';
import { serve } from './server.js';

export { findChromium };

const THREADS = 3;
const LIMIT = 60_000;

const siblings = ['backend-simd', 'attention', 'tensor'];
const tfjs = createRequire(join(root, 'packages/backend-simd/package.json')).resolve('@tensorflow/tfjs/package.json');
const folders = {
  '/packages/': join(root, 'packages'),
  '/tfjs/': dirname(tfjs),
  '/browser/': fileURLToPath(new URL('.', import.meta.url)),
};
const imports = {
  '@tensorflow/tfjs': '/tfjs/dist/tf.fesm.min.js',
  ...Object.fromEntries(siblings.map((name) => [`@blip2/${name}`, `/packages/${name}/dist/index.js`])),
};
const page = `<!doctype html><title>checks</title><link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports })}</script>`;

const alone = 'The simd backend runs with one thread: this page is not cross-origin isolated.';
/** What the page says where it is isolated, and where it is not and registers two backends. */
const expected: Readonly<Record<string, string>> = {
  true: 'A thread of the simd backend ended (its script could not be loaded); it goes on with one thread.',
  false: `${alone}\n${alone}`,
};

/**
 * Runs the built packages in headless Chromium, native modules without a bundler: on a cross-origin isolated page, whose
 * workers share memory, and on one that is not; loads models from everywhere that a page can have them from; and measures that
 * ending a model's worker gives its memory back. Without a Chromium it says so, and checks nothing.
 */
export async function checkBrowser(executablePath = findChromium()): Promise<Result[]> {
  if (!executablePath || !existsSync(executablePath)) {
    console.log('SKIPPED browser: there is no Chromium; install one, or name it in CHROMIUM_PATH.');
    return [];
  }
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'], timeout: LIMIT });
  try {
    const pages = [...(await checkPage(browser, true)), ...(await checkPage(browser, false))];
    return [...pages, ...(await checkModels(browser)), ...(await checkWorker(browser))];
  } finally {
    await browser.close();
  }
}

async function checkPage(browser: Browser, isolated: boolean): Promise<Result[]> {
  const prefix = `browser, ${isolated ? '' : 'not '}isolated:`;
  const results: Result[] = [];
  const add = (name: string, problem?: string): void => {
    results.push({ name: `${prefix} ${name}`, problems: problem ? [problem] : [] });
  };
  const site = await serve({ folders, page, isolated });
  const tab = await browser.newPage();
  try {
    const lines: string[] = [];
    tab.on('console', (message) => lines.push(message.text()));
    tab.on('pageerror', (error) => lines.push(String(error)));
    await tab.exposeFunction('report', add);
    await tab.goto(site.url);
    const given = JSON.stringify({ threads: THREADS, isolated });
    const ended = await within(
      tab.evaluate(`import('/browser/page.js').then(({ run }) => run(${given}, window.report)).then(() => '', String)`),
    );
    if (ended) add('runs to its end', `${ended}\n${lines.join('\n')}`);
    const said = lines.filter((line) => !line.startsWith('Failed to load resource')).join('\n');
    add('says what it should on the console', said === expected[String(isolated)] ? undefined : `It said: ${said}`);
    while (tab.workers().length > 0 && !ended) await tab.waitForTimeout(10);
    add('leaves no worker', tab.workers().length === 0 ? undefined : `${tab.workers().length} are left`);
  } catch (error) {
    add('runs', String(error));
  } finally {
    await tab.close();
    site.close();
  }
  return results;
}

/** A page that hangs, waiting for a thread that is not there, is told after a while. */
function within(running: Promise<unknown>): Promise<unknown> {
  const late = new Promise((resolve) => {
    setTimeout(resolve, LIMIT, `It did not end within ${LIMIT / 1000} s.`).unref();
  });
  return Promise.race([running, late]);
}
