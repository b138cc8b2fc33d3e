import { readFile } from 'node:fs/promises';
import type { Blip2 } from '@blip2/models';
import type { Browser, Page } from 'playwright-core';
import type { WalkFiles } from './files.js';
import { serveFolder } from './serve-folder.js';

/** How the page is walked through. */
export interface WalkOptions {
  /** The folder of the built page. */
  readonly site: string;
  readonly executablePath: string;
  /** A folder for files and screenshots. */
  readonly folder: string;
  /** Steps of training. */
  readonly steps: number;
  /** Images that are trained on. */
  readonly captioned: number;
  /** Called when something was checked, with what was wrong. */
  readonly report: (name: string, problem?: string) => void;
}

export const LIMIT = 120_000;
export const WIDE = { width: 1280, height: 900 };
export const PHONE = { width: 390, height: 844 };

/** A name by which the browser of a walk finds this machine: that of a page that did not come from localhost. */
export const OTHER_NAME = 'blip2.test';

/** A walk, with what a visitor has and what the page's results are compared with. */
export interface Walking extends WalkOptions {
  readonly files: WalkFiles;
  /** The starter model in Node, with which the page's results are compared. */
  readonly node: Blip2;
}

/** A step of a walk: what it throws, and what the page says is wrong, is reported. */
export type Step = (name: string, work: () => Promise<void>) => Promise<void>;

/** How a page is served. */
export interface Serving {
  /** With the headers of cross-origin isolation. */
  readonly isolated: boolean;
  /** Under this name. Default: that of localhost, whose pages have all rights of https. */
  readonly host?: string;
}

/** Opens the page, and keeps its messages on the console and its requests of other origins. */
export async function open(browser: Browser, site: string, { isolated, host }: Serving) {
  const server = await serveFolder(site, { isolated });
  const url = host === undefined ? server.url : server.url.replace('127.0.0.1', host);
  const context = await browser.newContext({ viewport: WIDE, acceptDownloads: true });
  if (host === undefined) await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: url });
  const page = await context.newPage();
  page.setDefaultTimeout(LIMIT);
  const messages: string[] = [];
  const [own, foreign]: [string[], string[]] = [[], []];
  page.on('console', (message) => messages.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => messages.push(String(error)));
  context.on('request', (request) => {
    if (!/^(blob|data):/.test(request.url())) (request.url().startsWith(url) ? own : foreign).push(request.url());
  });
  await page.goto(url);
  return {
    page,
    messages,
    own,
    foreign,
    async close() {
      await context.close();
      server.close();
    },
  };
}

/** Opens a tab. */
export const tab = (page: Page, name: string) => page.getByRole('tab', { name, exact: true }).click();
/** What the open tab shows. */
export const panel = (page: Page) => page.getByRole('tabpanel');
/** Waits until nothing runs. */
export const idle = async (page: Page): Promise<void> => {
  await page.waitForFunction(() =>
    [...document.querySelectorAll<HTMLElement>('.status')].every(({ hidden }) => hidden),
  );
};
/** Presses a button of the open tab, and waits until nothing runs. */
export const press = async (page: Page, name: string | RegExp): Promise<void> => {
  await panel(page)
    .getByRole('button', { name, exact: typeof name === 'string' })
    .click();
  await idle(page);
};

/** Captions by the page's model, at hand in the console as `blip2`. */
export const captionTokens = (page: Page, png: Buffer, beams: number) =>
  page.evaluate(
    async ({ bytes, beams }) => {
      const { blip2 } = globalThis as unknown as {
        blip2: {
          get(): Promise<{ caption(image: Blob, options: object): Promise<{ caption: string; tokens: number[] }> }>;
        };
      };
      return (await blip2.get()).caption(new Blob([new Uint8Array(bytes)]), { beams });
    },
    { bytes: [...png], beams },
  );

/** Pastes or drops a file, in the page. */
export function give({ png, type }: { png: number[]; type: string }): void {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(png)], `${type}.png`, { type: 'image/png' }));
  const event =
    type === 'paste'
      ? new ClipboardEvent(type, { clipboardData: transfer, bubbles: true, cancelable: true })
      : new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true });
  document.querySelector('.zone')!.dispatchEvent(event);
}

/** Chooses an image by the name of its file. */
export const choose = (page: Page, name: string): Promise<void> =>
  page.getByRole('radio', { name }).check({ force: true });

/** The file that a button saves. */
export async function downloaded(page: Page, button: string): Promise<Buffer> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    panel(page).getByRole('button', { name: button }).click(),
  ]);
  return readFile(await download.path());
}

/** @throws where two texts differ */
export function equal(found: string | null | undefined, expected: string | undefined): void {
  if (found !== expected) throw new Error(`It is '${found}' and should be '${expected}'.`);
}
