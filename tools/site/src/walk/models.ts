import { join } from 'node:path';
import { type Blip2, fromPretrained, generationModel, saveStage2 } from '@blip2/models';
import { folderFiles, startHub } from '@blip2/testing/hub';
import type { Browser, Page } from 'playwright-core';
import { trainedFolder } from './train.js';
import { equal, open, panel, press, tab, type Walking } from './visitor.js';

const HUB = 'https://huggingface.co/';
/** The model that the local hub has. */
const NAME = 'org/tiny';

/** Loads a folder from disk, in the dialog of models, which is open: the one that was trained. */
export async function walkFromDisk({ folder }: Walking, page: Page): Promise<void> {
  await page.setInputFiles('#choose-model', trainedFolder(folder));
  await page.getByText(/Model: blip2-trained · /).waitFor();
  await tab(page, 'Caption');
  await press(page, 'Caption this image');
  const caption = await panel(page).locator('output').textContent();
  if (!caption) throw new Error('There is no caption.');
}

/** Loads the starter on the faster device: WebAssembly, beside a GPU in software. */
export async function walkDevice({ files, node }: Walking, page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Change model' }).click();
  await page.getByRole('checkbox', { name: 'Use the GPU where it is faster' }).check();
  await page.getByRole('button', { name: 'Load the starter' }).click();
  await page
    .getByText(/WebAssembly computes\. A few products took [\d.]+ ms with WebAssembly and [\d.]+ ms with WebGPU\.$/)
    .waitFor();
  await page.getByText(/· WebAssembly, \d+ threads?$/).waitFor();
  await page.setInputFiles('#choose-images', files.drawings[0]!);
  await press(page, 'Caption this image');
  let expected = '';
  for await (const piece of node.stream(files.drawings[0]!)) expected += piece;
  equal(await panel(page).locator('output').textContent(), expected);
}

/** Saves the second stage of the starter with copies of its frozen parts, as a model on the hub is. */
async function saveWhole(model: Blip2, target: string): Promise<void> {
  const { folder, params, config, processor, prompts } = generationModel(model);
  const frozen = { tokenizer: folder, vision: { folder }, language: { folder } };
  await saveStage2(target, { params, config, processor, prompts, ...frozen }, { dtype: 'F16' });
}

/** Loads a model of the hub by its name, and deletes it; a local server answers in place of the hub. */
export async function walkHub(
  browser: Browser,
  { site, report, files, folder, node: starter }: Walking,
): Promise<void> {
  const name = 'a model of the hub is loaded by its name, stored, and deleted';
  const model = join(folder, 'tiny');
  await saveWhole(starter, model);
  const hub = await startHub(await folderFiles(model));
  const opened = await open(browser, site, { isolated: true });
  const { page, foreign, messages } = opened;
  try {
    await page.context().route(`${HUB}**`, async (route) => {
      const url = route.request().url().replace(HUB, `${hub.endpoint}/`);
      await route.fulfill({ response: await route.fetch({ url }) });
    });
    await page.getByRole('button', { name: 'Change model' }).click();
    await page.getByRole('textbox', { name: 'Name on the Hugging Face hub' }).fill(NAME);
    await page.getByRole('button', { name: 'Download and load' }).click();
    await page.getByText(`Model: ${NAME} · `).waitFor();
    await page.setInputFiles('#choose-images', files.drawings[0]!);
    await press(page, 'Caption this image');
    using node = await fromPretrained(model);
    let expected = '';
    for await (const piece of node.stream(files.drawings[0]!)) expected += piece;
    equal(await panel(page).locator('output').textContent(), expected);
    const others = foreign.filter(
      (url) => !url.startsWith(`${HUB}api/models/${NAME}/`) && !url.startsWith(`${HUB}${NAME}/`),
    );
    if (foreign.length === 0 || others.length > 0) throw new Error(`It requested ${others.join(', ') || 'nothing'}.`);
    await page.getByRole('button', { name: 'Change model' }).click();
    await page.getByText(new RegExp(`^${NAME}, [\\d.]+ MB`)).waitFor();
    await page.getByRole('button', { name: `Delete ${NAME}` }).click();
    await page.waitForFunction(() => document.querySelectorAll('.stored li').length === 0);
    if (messages.length > 0) throw new Error(`The console has: ${messages.join('\n')}`);
    report(name);
  } catch (error) {
    report(name, [String(error), ...messages].join('\n'));
  } finally {
    await opened.close();
    await hub.close();
  }
}
