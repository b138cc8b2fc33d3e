import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fromPretrained } from '@blip2/models';
import { type Browser, chromium } from 'playwright-core';
import { parseCsv } from '../files/csv.js';
import { walkAlone, walkWithoutHttps } from './alone.js';
import { writeFiles } from './files.js';
import { walkDevice, walkFromDisk, walkHub } from './models.js';
import { walkTraining } from './train.js';
import {
  captionTokens,
  choose,
  downloaded,
  equal,
  give,
  LIMIT,
  OTHER_NAME,
  open,
  PHONE,
  panel,
  press,
  type Step,
  tab,
  type Walking,
  type WalkOptions,
  WIDE,
} from './visitor.js';

const ARGS = [
  '--no-sandbox',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--no-proxy-server',
  `--host-resolver-rules=MAP ${OTHER_NAME} 127.0.0.1`,
];

/**
 * Walks through the built page in headless Chromium as a visitor does, with real files: captions, one and many; questions; matching; search
 * by text and by image; explanations; training, whose folder Node then loads; a model from disk, one of the hub by its name, for which a
 * local server stands; the choice between the GPU and WebAssembly; and the page without the headers, and without https. Captions are
 * compared with Node's token by token. Screenshots are taken of each, wide and narrow.
 */
export async function walk(options: WalkOptions): Promise<void> {
  const { executablePath, folder } = options;
  const files = await writeFiles(folder, options);
  const browser = await chromium.launch({ executablePath, args: ARGS, timeout: LIMIT });
  const walking = { ...options, files, node: await fromPretrained() };
  try {
    await walkIsolated(browser, walking);
    await walkHub(browser, walking);
    await walkAlone(browser, walking);
    await walkWithoutHttps(browser, walking);
  } finally {
    walking.node.dispose();
    await browser.close();
  }
}

async function walkIsolated(browser: Browser, walking: Walking): Promise<void> {
  const { report, files, node, folder } = walking;
  const opened = await open(browser, walking.site, { isolated: true });
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
  const step: Step = async (name, work) => {
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
    await walkTraining(walking, page, { step, shot });
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
    await step('a model’s folder from disk is loaded', () => walkFromDisk(walking, page));
    await shot('from-disk');
    await step('the GPU is measured, and the page says what computes and why', () => walkDevice(walking, page));
    await shot('device');
  } finally {
    report('the weights are seen among its requests', seen(opened.own));
    report('requests nothing of another origin', opened.foreign.length > 0 ? opened.foreign.join(', ') : undefined);
    report('writes nothing on the console', opened.messages.length > 0 ? opened.messages.join('\n') : undefined);
    await opened.close();
  }
}

/** Whether what the worker requests is among the requests that are looked at. */
const seen = (urls: readonly string[]): string | undefined =>
  urls.some((url) => url.endsWith('/starter/blip2/stage2/model.safetensors')) ? undefined : 'They are not there.';
