import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import type { Outcome } from './outcome.js';

const LIMIT = 120_000;

/** A page in a browser, which is given an image and asked for what it computed. */
export interface OpenPage {
  readonly url: string;
  readonly image: string;
  readonly executablePath: string;
}

/** When the page has set up its input, which an image is then given to. */
const LISTENS =
  '(async () => { while (!globalThis.listens) await new Promise((resolve) => setTimeout(resolve, 50)); })()';

/** When the page has written the caption, and computed what it is asked for besides. */
const OUTCOME = `(async () => {
  const output = document.querySelector('output');
  while (!globalThis.checked || output.textContent.trim() === '') {
    if (globalThis.failed) throw new Error(globalThis.failed);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return JSON.stringify({ ...(await globalThis.checked), caption: output.textContent.trim() });
})()`;

/** Opens a page in headless Chromium. */
export async function openInChromium({ url, image, executablePath }: OpenPage): Promise<Outcome> {
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'], timeout: LIMIT });
  const lines: string[] = [];
  try {
    const page = await browser.newPage();
    page.on('console', (message) => lines.push(message.text()));
    page.on('pageerror', (error) => lines.push(String(error)));
    page.setDefaultTimeout(LIMIT);
    await page.goto(url);
    await within(page.evaluate(LISTENS));
    await page.setInputFiles('input[type=file]', image);
    return JSON.parse((await within(page.evaluate(OUTCOME))) as string) as Outcome;
  } catch (error) {
    throw new Error([String(error), ...lines].join('\n'));
  } finally {
    await browser.close();
  }
}

/** What is used of puppeteer-core, which is installed with the other tools: only it drives Debian's Firefox. */
interface Puppeteer {
  launch(options: object): Promise<{
    newPage(): Promise<{
      on(event: 'console' | 'pageerror', f: (message: { text?(): string }) => void): void;
      goto(url: string): Promise<unknown>;
      waitForSelector(selector: string): Promise<{ uploadFile(path: string): Promise<void> } | null>;
      evaluate(script: string): Promise<unknown>;
    }>;
    close(): Promise<void>;
  }>;
}

/** puppeteer-core, whose latest releases need Node 22. */
export const FIREFOX_DRIVER = 'puppeteer-core@24';

/** Opens a page in headless Firefox, through WebDriver BiDi, with the driver that is installed in `project`. */
export async function openInFirefox({ url, image, executablePath }: OpenPage, project: string): Promise<Outcome> {
  const file = createRequire(join(project, 'package.json')).resolve('puppeteer-core');
  const { default: puppeteer } = (await import(pathToFileURL(file).href)) as { default: Puppeteer };
  const options = { browser: 'firefox', protocol: 'webDriverBiDi', executablePath, headless: true };
  const browser = await puppeteer.launch({ ...options, protocolTimeout: LIMIT });
  const lines: string[] = [];
  try {
    const page = await browser.newPage();
    for (const event of ['console', 'pageerror'] as const) {
      page.on(event, (message) => lines.push(message.text?.() ?? String(message)));
    }
    await page.goto(url);
    await within(page.evaluate(LISTENS));
    const input = await page.waitForSelector('input[type=file]');
    await input?.uploadFile(image);
    return JSON.parse((await within(page.evaluate(OUTCOME))) as string) as Outcome;
  } catch (error) {
    throw new Error([String(error), ...lines].join('\n'));
  } finally {
    await browser.close();
  }
}

/** FIREFOX_PATH, or else what Debian and Mozilla call it. */
export function findFirefox(): string | undefined {
  if (process.env.FIREFOX_PATH) return process.env.FIREFOX_PATH;
  for (const name of ['firefox-esr', 'firefox']) {
    try {
      return execFileSync('which', [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      // the next name
    }
  }
  return undefined;
}

/** A page that hangs is reported after a while. */
async function within(running: Promise<unknown>): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`It did not end within ${LIMIT / 1000} s.`)), LIMIT);
  });
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}
