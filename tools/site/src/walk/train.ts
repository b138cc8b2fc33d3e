import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fromPretrained } from '@blip2/models';
import { unzipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { downloaded, equal, panel, press, type Step, tab, type Walking } from './visitor.js';

/** The folder into which `walkTraining` saves the trained model. */
export const trainedFolder = (folder: string): string => join(folder, 'trained', 'blip2-trained');

interface Steps {
  readonly step: Step;
  readonly shot: (name: string) => Promise<void>;
}

/** Trains on a folder, saves the trained folder, loads it in Node, and uses it in the page. */
export async function walkTraining(walking: Walking, page: Page, { step, shot }: Steps): Promise<void> {
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
    using trained = await fromPretrained(trainedFolder(folder));
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
