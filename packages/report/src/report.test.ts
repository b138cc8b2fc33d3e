import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { decodeImage } from '@blip2/data';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type RunProgress, renderReport, writeReport } from './index.js';
import { type Page, readPage } from './testing/page.js';
import { noise, sample, withSplits, withText } from './testing/sample.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'report-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('the page is well formed, has one h1, and no heading skips a level', async () => {
  const { problems, elements } = readPage(await renderReport(sample()));
  expect(problems).toEqual([]);
  const levels = elements.filter(({ name }) => /^h[1-6]$/.test(name)).map(({ name }) => Number(name[1]));
  expect(levels.filter((level) => level === 1)).toHaveLength(1);
  levels.forEach((level, i) => {
    expect(level).toBeLessThanOrEqual((levels[i - 1] ?? 0) + 1);
  });
});

test('the page holds all that it shows and runs nothing', async () => {
  const text = await renderReport(sample());
  const { elements } = readPage(text);
  expect(elements.filter(({ name }) => ['script', 'iframe', 'object', 'form'].includes(name))).toEqual([]);
  for (const { attributes } of elements) {
    for (const [name, value] of Object.entries(attributes)) {
      expect(name).not.toMatch(/^on/);
      if (name === 'src' || name === 'href') expect(value).toMatch(/^(#|data:)/);
    }
  }
  expect(text).not.toMatch(/https?:|url\(|@import/);
});

test('every link of the contents leads to a section, and ids are distinct', async () => {
  const { elements } = readPage(await renderReport(sample()));
  const ids = elements.flatMap(({ attributes }) => attributes.id ?? []);
  expect(new Set(ids).size).toBe(ids.length);
  const links = elements.flatMap(({ name, attributes }) => (name === 'a' ? [attributes.href?.slice(1)] : []));
  expect(links).toEqual(['losses', 'retrieval', 'captions', 'questions', 'attention', 'notes']);
  for (const link of links) expect(ids).toContain(link);
});

test('every image has words and its size, every heading cell its scope', async () => {
  const { elements } = readPage(await renderReport(sample()));
  const images = elements.filter(({ name }) => name === 'img');
  // 2 x 2 for texts, 1 for an image, 1 caption, 1 question, an image and 3 maps
  expect(images).toHaveLength(11);
  for (const { attributes } of images) {
    expect(attributes.alt?.trim()).toBeTruthy();
    expect(attributes).toMatchObject({ width: '12', height: '8' });
  }
  for (const { name, attributes } of elements) {
    if (name === 'th') expect(attributes.scope).toMatch(/^(row|col)$/);
    if (name === 'svg') expect(attributes.role === 'img' || attributes['aria-hidden'] === 'true').toBe(true);
  }
});

test('an embedded image is the image, to the last bit', async () => {
  const data = sample();
  const { elements } = readPage(await renderReport(data));
  const [, base64 = ''] = elements.find(({ name }) => name === 'img')!.attributes.src!.split(',');
  expect(await decodeImage(Buffer.from(base64, 'base64'))).toEqual(data.retrieval!.byText[0]!.found[0]);
});

test('hostile words stay words', async () => {
  const hostile = `"><script>alert('1')</script><img src=x onerror=1>\u0000&amp;`;
  const text = await renderReport(withText(hostile));
  const { problems, elements } = readPage(text);
  expect(problems).toEqual([]);
  expect(elements.some(({ name, attributes }) => name === 'script' || 'onerror' in attributes)).toBe(false);
  expect(text).not.toContain('\u0000');
  const shown = '&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&lt;img src=x onerror=1&gt;\uFFFD&amp;amp;';
  expect(text.split(shown).length).toBeGreaterThan(20);
});

test('figures stand beside what they are held against', async () => {
  const { words } = readPage(await renderReport(sample()));
  expect(words).toContain('Image → text, R@1 30.5% chance 0.3%');
  expect(words).toContain('Text → image, R@1 28.8% chance 0.3%');
  expect(words).toContain('Captions, CIDEr 3.20 0.60 with another image’s soft prompt');
  // weighted by questions: (0.8 * 300 + 0.4 * 100) / 400
  expect(words).toContain('VQA accuracy 70.0% 42.5% by the most frequent answer');
  expect(words).toContain('Chance 0.3% 1.3% 2.5%');
  expect(words).toContain('what 100 40.0% 20.0% 2.0×');
  expect(words).toContain('trained and evaluated in 8 min 12 s on 2 threads with');
});

test('what was not measured leaves no section', async () => {
  const { problems, elements, words } = readPage(
    await renderReport({ title: 'Nothing', run: sample().run, curves: [], vqa: [], questions: [], attention: [] }),
  );
  expect(problems).toEqual([]);
  expect(elements.filter(({ name }) => name === 'section' || name === 'img')).toEqual([]);
  expect(words).not.toMatch(/NaN|undefined|null/);
});

test('the page of a run that goes on says how far it is and loads itself again, that of a stopped run does not', async () => {
  const bare = { title: 'Running', curves: sample().curves, vqa: [], questions: [], attention: [] };
  const page = async (progress?: RunProgress) =>
    readPage(await renderReport({ ...bare, run: { ...sample().run, progress } }));
  const reloads = ({ elements }: Page) => elements.some(({ attributes }) => attributes['http-equiv'] === 'refresh');
  const at = { stage: 2, done: 120, total: 1480 } as const;
  const running = await page({ ...at, secondsLeft: 130 });
  expect(running.problems).toEqual([]);
  expect(running.words).toContain('step 120 of 1 480 of stage 2, about 2 min 10 s left of it, after 8 min 12 s on');
  expect(reloads(running)).toBe(true);
  const stopped = await page(at);
  expect(stopped.words).toContain('stopped at step 120 of 1 480 of stage 2 after 8 min 12 s on 2 threads');
  expect(reloads(stopped)).toBe(false);
  const ended = await page();
  expect(ended.words).toContain('trained in 8 min 12 s on');
  expect(reloads(ended)).toBe(false);
});

test('two splits stand side by side with what the parts reach alone, and captions are marked right or wrong', async () => {
  const { problems, elements, words } = readPage(await renderReport(withSplits('a red apple')));
  expect(problems).toEqual([]);
  expect(words).toContain('Measured a red apple known drawings frozen parts alone');
  expect(words).toContain('Image to text among 400, R@1 30.5% 30.5% 87.3%');
  expect(words).toContain('Text to image among 400, R@1 28.8% 28.8% –');
  expect(words).toContain('Single objects, caption exactly right 58.0% 82.0% –');
  expect(words).toContain('Single objects by name, right one first 76.4% – –');
  expect(words).toContain('Caption exactly right 12.5% 12.5% 82.0%');
  expect(words).toContain('‘what’ 40.0% – 93.0%');
  expect(words).toContain('Single objects, caption right 58.0% 82.0% on known drawings');
  expect(words).toContain('Captions: known drawings CIDEr over 300 images (at most 10); 12.5% of the captions equal');
  expect(words).toContain('Single objects: a red apple 58.0% of the captions of 85 images equal a reference.');
  const labels = elements.flatMap(({ attributes }) => attributes['aria-label'] ?? []);
  const captions = 2 * 2; // scenes and single objects of two splits, one right and one wrong of each
  expect(labels.filter((label) => label === 'wrong')).toHaveLength(captions + 1);
});

test('the captions of a model for comparison stand below', async () => {
  const data = sample();
  const samples = data.captions!.samples.map((one) => ({
    ...one,
    compared: { name: 'another model', caption: 'another caption' },
  }));
  const { words } = readPage(await renderReport({ ...data, captions: { ...data.captions!, samples } }));
  expect(words).toContain('another model another caption');
  expect(readPage(await renderReport(data)).words).not.toContain('another model');
});

test('a page of many large images stays below two megabytes', async () => {
  const data = sample();
  const samples = Array.from({ length: 90 }, (_, i) => ({
    image: noise(200, 150, i),
    caption: 'a',
    reference: 'b',
    swapped: 'c',
  }));
  const text = await renderReport({ ...data, captions: { ...data.captions!, samples } });
  expect(Buffer.byteLength(text)).toBeLessThan(2_000_000);
  expect(readPage(text).elements.filter(({ name }) => name === 'img')).toHaveLength(100);
});

test('the same run gives the same page', async () => {
  expect(await renderReport(sample())).toBe(await renderReport(sample()));
});

test('a report is written whole, and a place that cannot be written is named', async () => {
  const path = join(folder, 'report.html');
  await writeReport(pathToFileURL(path), sample());
  expect(await readFile(path, 'utf8')).toBe(await renderReport(sample()));
  const missing = join(folder, 'absent', 'report.html');
  await expect(writeReport(missing, sample())).rejects.toThrow(
    `The report ${missing} could not be written (ENOENT); free some disk space, or choose another path.`,
  );
  await expect(writeReport(folder, sample())).rejects.toThrow(/could not be written/);
  expect(await readdir(folder)).toEqual(['report.html']);
});
