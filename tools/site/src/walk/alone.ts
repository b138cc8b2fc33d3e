import type { Browser, Page } from 'playwright-core';
import { equal, OTHER_NAME, open, panel, press, type Serving, tab, type Walking } from './visitor.js';

/** Captions an image as Node does, in a page that is not isolated: with one thread, of which the console has one line. */
async function captionAlone(page: Page, { files, node }: Walking, messages: readonly string[]): Promise<void> {
  await page.setInputFiles('#choose-images', files.drawings[0]!);
  await press(page, 'Caption this image');
  let expected = '';
  for await (const piece of node.stream(files.drawings[0]!)) expected += piece;
  equal(await panel(page).locator('output').textContent(), expected);
  await page.getByText(/1 thread$/).waitFor();
  const warnings = messages.filter((line) => line.includes('one thread'));
  if (warnings.length !== 1 || messages.length !== 1) throw new Error(`The console has: ${messages.join('\n')}`);
}

async function reported(
  browser: Browser,
  walking: Walking,
  {
    name,
    serving,
    work,
  }: {
    readonly name: string;
    readonly serving: Serving;
    readonly work: (page: Page, messages: readonly string[]) => Promise<void>;
  },
): Promise<void> {
  const opened = await open(browser, walking.site, serving);
  try {
    await work(opened.page, opened.messages);
    walking.report(name);
  } catch (error) {
    walking.report(name, String(error));
  } finally {
    await opened.close();
  }
}

/** Without the headers, the page says so and computes with one thread. */
export const walkAlone = (browser: Browser, walking: Walking): Promise<void> =>
  reported(browser, walking, {
    name: 'without the headers it computes with one thread, and says so once',
    serving: { isolated: false },
    async work(page, messages) {
      await captionAlone(page, walking, messages);
      await page.getByText(/one thread: this page was served without the headers/).waitFor();
    },
  });

/** From another machine by http, browsers have no WebCrypto, storage, clipboard and `ImageDecoder`, and no page is isolated. */
export const walkWithoutHttps = (browser: Browser, walking: Walking): Promise<void> =>
  reported(browser, walking, {
    name: 'without https it captions and searches as well',
    serving: { isolated: false, host: OTHER_NAME },
    async work(page, messages) {
      equal(String(await page.evaluate(() => isSecureContext)), 'false');
      await captionAlone(page, walking, messages);
      await page.getByText(/one thread: this page came by http/).waitFor();
      await page.setInputFiles('#choose-images', walking.files.drawings.slice(1, 4));
      await press(page, /^Caption all \d+ images$/);
      equal(String(await panel(page).getByRole('button', { name: 'Copy' }).count()), '0');
      await tab(page, 'Search');
      await panel(page).getByRole('searchbox', { name: 'Text' }).fill('a slice of pizza');
      await press(page, 'Search');
      equal(await page.locator('.results .name').first().textContent(), '1. pizza.png');
      await page.getByRole('button', { name: 'Change model' }).click();
      await page.getByText('This browser keeps nothing for this page').waitFor();
      const problems = await page.locator('.problem:visible').allTextContents();
      if (problems.length > 0) throw new Error(`The page says: ${problems.join(' ')}`);
    },
  });
