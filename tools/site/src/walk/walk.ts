import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Blip2, fromPretrained } from '@blip2/models';
import { unzipSync } from 'fflate';
import { type Browser, chromium, type Page } from 'playwright-core';
import { parseCsv } from '../files/csv.js';
import { type WalkFiles, writeFiles } from './files.js';
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

const LIMIT = 120_000;
const WIDE = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };

/**
 * Walks through the built page in headless Chromium as a visitor does, with real files: captions, one and many; questions; matching; search
 * by text and by image; explanations; training, whose folder Node then loads; a model from disk. Captions are compared with Node's token by
 * token. Screenshots are taken of each, wide and narrow.
 */
export async function walk(options: WalkOptions): Promise<void> {
  const { executablePath, folder } = options;
  const files = await writeFiles(folder, options);
  const args = ['--no-sandbox', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
  const browser = await chromium.launch({ executablePath, args, timeout: LIMIT });
  const node = await fromPretrained();
  try {
    await walkIsolated(browser, { ...options, files, node });
    await walkAlone(browser, { ...options, files, node });
  } finally {
    node.dispose();
    await browser.close();
  }
}

interface Walking extends WalkOptions {
  readonly files: WalkFiles;
  /** The starter model in Node, with which the page's results are compared. */
  readonly node: Blip2;
}

/** A page, with its messages on the console and its requests. */
async function open(browser: Browser, site: string, isolated: boolean) {
  const { url, close } = await serveFolder(site, { isolated });
  const context = await browser.newContext({ viewport: WIDE, acceptDownloads: true });
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: url });
  const page = await context.newPage();
  page.setDefaultTimeout(LIMIT);
  const messages: string[] = [];
  const foreign: string[] = [];
  page.on('console', (message) => messages.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => messages.push(String(error)));
  context.on('request', (request) => {
    if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(url)) foreign.push(request.url());
  });
  await page.goto(url);
  return {
    page,
    messages,
    foreign,
    async close() {
      await context.close();
      close();
    },
  };
}

const tab = (page: Page, name: string) => page.getByRole('tab', { name, exact: true }).click();
const panel = (page: Page) => page.getByRole('tabpanel');
const idle = async (page: Page): Promise<void> => {
  await page.waitForFunction(() =>
    [...document.querySelectorAll<HTMLElement>('.status')].every(({ hidden }) => hidden),
  );
};
const press = async (page: Page, name: string | RegExp): Promise<void> => {
  await panel(page)
    .getByRole('button', { name, exact: typeof name === 'string' })
    .click();
  await idle(page);
};

async function walkIsolated(browser: Browser, walking: Walking): Promise<void> {
  const { report, files, node, folder } = walking;
  const opened = await open(browser, walking.site, true);
  const { page } = opened;
  const shot = async (name: string): Promise<void> => {
    for (const [size, viewport] of Object.entries({ wide: WIDE, phone: PHONE })) {
      await page.setViewportSize(viewport);
      await page.evaluate(() => window.scrollTo(0, 0));
      await page.screenshot({ path: join(folder, 'screenshots', `${name}-${size}.png`), fullPage: true });
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      report(`${name} fits a ${size} window`, overflow > 0 ? `It is ${overflow} pixels too wide.` : undefined);
    }
    await page.setViewportSize(WIDE);
  };
  const step = async (name: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
      const problems = await page.locator('.problem:visible').allTextContents();
      report(name, problems.length > 0 ? `The page says: ${problems.join(' ')}` : undefined);
    } catch (error) {
      await page
        .screenshot({ path: join(folder, 'screenshots', `failed-${name.replace(/\W+/g, '-')}.png`) })
        .catch(() => {});
      report(name, error instanceof Error ? error.message : String(error));
    }
  };
  try {
    await shot('empty');
    await step('an image is captioned as in Node while it is generated', async () => {
      await page.setInputFiles('#choose-images', files.drawings[0]!);
      await press(page, 'Caption this image');
      let expected = '';
      for await (const piece of node.stream(files.drawings[0]!)) expected += piece;
      equal(await panel(page).locator('output').textContent(), expected);
    });
    await shot('caption');
    await step('many images are captioned, corrected, copied and saved as CSV', async () => {
      await page.setInputFiles('#choose-images', files.drawings.slice(1));
      await press(page, /^Caption all \d+ images$/);
      const captions = await node.caption(files.drawings);
      const expected = new Map(
        files.drawings.map((path, i) => [path.slice(dirname(path).length + 1), captions[i]!.caption]),
      );
      const [head, ...rows] = parseCsv(await downloaded(page, 'Save as CSV').then((bytes) => bytes.toString('utf8')));
      equal(head?.join(), 'file,caption');
      equal(JSON.stringify(rows.sort()), JSON.stringify([...expected].sort()));
      await panel(page).getByRole('textbox', { name: 'Caption of key.png' }).fill('a golden key');
      await press(page, 'Copy');
      const copied = await page.evaluate(() => navigator.clipboard.readText());
      if (!copied.includes('key.png\ta golden key')) throw new Error(`The clipboard has: ${copied}`);
    });
    await shot('table');
    await step('captions, with beams, are Node’s token by token', async () => {
      for (const path of files.drawings) {
        const { caption, tokens } = await captionTokens(page, await readFile(path), 5);
        const expected = await node.caption(path, { beams: 5 });
        equal(`${caption} ${tokens}`, `${expected.caption} ${expected.tokens}`);
      }
    });
    await step('questions are answered', async () => {
      await choose(page, 'red-apple.png');
      await tab(page, 'Ask');
      for (const question of ['what is it?', 'is there a cat?']) {
        await panel(page).getByRole('textbox', { name: 'Question' }).fill(question);
        await press(page, 'Ask');
      }
      const path = files.drawings.find((one) => one.endsWith('red-apple.png'))!;
      let expected = '';
      for await (const piece of node.stream(path, { question: 'what is it?', maxNewTokens: 10 })) expected += piece;
      equal(await page.locator('.turn .answer').first().textContent(), expected);
      equal(String(await page.locator('.turn').count()), '2');
    });
    await shot('ask');
    await step('texts are matched', async () => {
      await tab(page, 'Match');
      await panel(page).getByRole('textbox', { name: 'Texts, one a line' }).fill('a cat face\na red apple\ntwo keys');
      await press(page, 'Match');
      equal(await page.locator('table.scores tbody th').first().textContent(), 'a red apple');
    });
    await shot('match');
    await step('images are found by a text, and by an image', async () => {
      await tab(page, 'Search');
      await panel(page).getByRole('searchbox', { name: 'Text' }).fill('a slice of pizza');
      await press(page, 'Search');
      const first = page.locator('.results .name').first();
      equal(await first.textContent(), '1. pizza.png');
      equal(String(await page.locator('.results li').count()), String(files.drawings.length));
      await shot('search');
      await choose(page, 'snail.png');
      await press(page, 'Search by the chosen image');
      equal(await first.textContent(), '1. snail.png');
    });
    await step('attention and words are shown', async () => {
      await choose(page, 'cat-face.png');
      await tab(page, 'Explain');
      await panel(page).getByRole('textbox', { name: 'Text (optional)' }).fill('a cat face');
      await press(page, 'Explain');
      const queries = node.models[0]!.config.queries;
      const maps = await panel(page).locator('canvas').count();
      equal(String(maps), String(queries + 3));
    });
    await shot('explain');
    await train(walking, page, { step, shot });
    await step('the keyboard goes from tab to tab, and from image to image', async () => {
      await page.getByRole('tab', { selected: true }).focus();
      await page.keyboard.press('Home');
      await page.keyboard.press('ArrowRight');
      equal(await page.getByRole('tab', { selected: true }).textContent(), 'Ask');
      await page.keyboard.press('Home');
      await page.getByRole('radio').first().focus();
      await page.keyboard.press('ArrowDown');
      equal(String(await page.getByRole('radio').nth(1).isChecked()), 'true');
    });
    await step('images are pasted, dropped and taken by the camera', async () => {
      await page.getByRole('button', { name: 'Remove all' }).click();
      const png = [...(await readFile(files.drawings[0]!))];
      for (const type of ['paste', 'drop']) await page.evaluate(give, { png, type });
      await page.getByRole('button', { name: 'Camera' }).click();
      await page.getByRole('button', { name: 'Take picture' }).click();
      await page.waitForFunction(() => document.querySelectorAll('.thumbnail').length === 3);
    });
    await page.getByRole('button', { name: 'Change model' }).click();
    await shot('dialog');
    await step('a model’s folder from disk is loaded', () => fromDisk(walking, page));
    await shot('from-disk');
  } finally {
    report('requests nothing of another origin', opened.foreign.length > 0 ? opened.foreign.join(', ') : undefined);
    report('writes nothing on the console', opened.messages.length > 0 ? opened.messages.join('\n') : undefined);
    await opened.close();
  }
}

interface Steps {
  readonly step: (name: string, work: () => Promise<void>) => Promise<void>;
  readonly shot: (name: string) => Promise<void>;
}

/** Trains on a folder, saves the trained folder, loads it in Node, and uses it in the page. */
async function train(walking: Walking, page: Page, { step, shot }: Steps): Promise<void> {
  const { files, folder } = walking;
  const saved = join(folder, 'trained');
  let after = '';
  await step('the page trains on a folder with captions', async () => {
    await tab(page, 'Train');
    await page.getByRole('button', { name: 'Remove all' }).click();
    await page.setInputFiles('#choose-folder', files.captioned);
    await panel(page).getByText('Settings').click();
    await panel(page).getByRole('spinbutton', { name: 'Steps' }).fill(String(walking.steps));
    await press(page, 'Train');
    const cells = await page.locator('table.held-out td').allTextContents();
    after = cells[1] ?? '';
    if (cells[0] === after) throw new Error(`The held-out image has the same caption as before: ${after}`);
    equal(String(await page.locator('.chart polyline').count()), '2');
    const bytes = await downloaded(page, 'Save as .zip');
    for (const [path, content] of Object.entries(unzipSync(bytes))) {
      await mkdir(dirname(join(saved, path)), { recursive: true });
      await writeFile(join(saved, path), content);
    }
  });
  await shot('train');
  await step('Node loads the trained folder, and captions the held-out image as the page does', async () => {
    using trained = await fromPretrained(join(saved, 'blip2-trained'));
    const rows = (await readFile(join(files.captioned, 'captions.jsonl'), 'utf8')).trim().split('\n');
    const last = rows
      .map((row) => (JSON.parse(row) as { file_name: string }).file_name)
      .sort()
      .at(-1)!;
    equal((await trained.caption(join(files.captioned, last))).caption, after);
  });
  await step('the page goes on with the trained model', async () => {
    await press(page, 'Use it on this page');
    await page.getByText(/Model: Trained here · /).waitFor();
    await tab(page, 'Caption');
    await page.getByRole('radio').last().check({ force: true });
    await press(page, 'Caption this image');
    const caption = await panel(page).locator('output').textContent();
    if (!caption) throw new Error('There is no caption.');
  });
}

/** Loads a folder from disk, in the dialog of models: the one that was trained. */
async function fromDisk({ folder }: Walking, page: Page): Promise<void> {
  await page.setInputFiles('#choose-model', join(folder, 'trained', 'blip2-trained'));
  await page.getByText(/Model: blip2-trained · /).waitFor();
  await tab(page, 'Caption');
  await press(page, 'Caption this image');
  const caption = await panel(page).locator('output').textContent();
  if (!caption) throw new Error('There is no caption.');
}

/** Without the headers, the page says so and computes with one thread. */
async function walkAlone(browser: Browser, { site, report, files, node }: Walking): Promise<void> {
  const opened = await open(browser, site, false);
  const { page } = opened;
  try {
    await page.setInputFiles('#choose-images', files.drawings[0]!);
    await press(page, 'Caption this image');
    let expected = '';
    for await (const piece of node.stream(files.drawings[0]!)) expected += piece;
    equal(await panel(page).locator('output').textContent(), expected);
    await page.getByText(/1 thread$/).waitFor();
    await page.getByText(/It computes with one thread/).waitFor();
    const warnings = opened.messages.filter((line) => line.includes('one thread'));
    if (warnings.length !== 1 || opened.messages.length !== 1)
      throw new Error(`The console has: ${opened.messages.join('\n')}`);
    report('without the headers it computes with one thread, and says so once');
  } catch (error) {
    report('without the headers it computes with one thread, and says so once', String(error));
  } finally {
    await opened.close();
  }
}

/** Captions by the page's model, at hand in the console as `blip2`. */
const captionTokens = (page: Page, png: Buffer, beams: number) =>
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
function give({ png, type }: { png: number[]; type: string }): void {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(png)], `${type}.png`, { type: 'image/png' }));
  const event =
    type === 'paste'
      ? new ClipboardEvent(type, { clipboardData: transfer, bubbles: true, cancelable: true })
      : new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true });
  document.querySelector('.zone')!.dispatchEvent(event);
}

const choose = (page: Page, name: string): Promise<void> => page.getByRole('radio', { name }).check({ force: true });

async function downloaded(page: Page, button: string): Promise<Buffer> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    panel(page).getByRole('button', { name: button }).click(),
  ]);
  return readFile(await download.path());
}

function equal(found: string | null | undefined, expected: string | undefined): void {
  if (found !== expected) throw new Error(`It is '${found}' and should be '${expected}'.`);
}
