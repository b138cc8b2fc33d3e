import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeImage } from '@blip2/data';
import { type Blip2, fromPretrained } from '@blip2/models';
import { expectNoLeak, fixture, inFolder } from '@blip2/testing';
import { useBackend } from '@blip2/training';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Explanation, explain } from '../explain.js';
import { openTypeface } from '../platform/node.js';
import { heatScale, paintMap, relativeMaps } from './heat-scale.js';
import { renderSheet } from './render-sheet.js';
import { element, escapeXml } from './svg.js';
import { writeSheet } from './write-sheet.js';

const photo = fixture('photos/rocket.jpg');
let model: Blip2;
let explanation: Explanation;

beforeAll(async () => {
  await useBackend({ threads: 1 });
  model = await fromPretrained(fixture('hf-itm'));
  explanation = await explain(model, photo, { text: 'a rocket' });
});
afterAll(() => model.dispose());

/** A drawing without its images, whose bytes may spell anything. */
const markup = (svg: string): string => svg.replace(/base64,[^"]*/g, '');

const count = (svg: string, pattern: RegExp): number => [...svg.matchAll(pattern)].length;

test('the drawing needs no font and nothing from elsewhere, and is the same every time', async () => {
  const svg = await renderSheet(explanation);
  expect((await renderSheet(explanation)) === svg).toBe(true);
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="1080" height="\d+" viewBox="0 0 1080 \d+"/);
  expect(markup(svg)).not.toMatch(/<(text|tspan|style|font|foreignObject|script)|font-family|NaN|undefined|Infinity/);
  expect([...svg.matchAll(/href="([^"]{22})/g)].map(([, start]) => start)).toEqual(
    Array(1 + 2 + 5).fill('data:image/png;base64,'), // the image, words, queries
  );
  const { itm, itc, words } = explanation.text!;
  const shares = words.words.map((word, i) => `${word} ${Math.round(100 * words.shares[i]!)}%`).join(', ');
  expect(svg).toContain(`ITM probability ${itm.toFixed(3)}, ITC similarity ${itc.toFixed(3)}. `);
  expect(svg).toContain(`Relevance of each word: ${shares}. Cross-attention of 5 queries.`);
});

test('without a text there are the queries alone', async () => {
  const { text: _, ...rest } = explanation;
  const svg = await renderSheet({ ...rest, layer: 0 });
  expect(count(svg, /<image/g)).toBe(1 + 5);
  expect(svg).toContain('<title id="title">Cross-attention of each query</title>');
});

test('the ending of the file says the format, and another one is an error before anything is computed', async () => {
  await inFolder(async (folder) => {
    const [png, svg, html] = ['sheet.png', 'sheet.SVG', 'sheet.html'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await expectNoLeak(() => writeSheet(model, photo, { out: png, text: 'a rocket' }));
    await writeSheet(model, photo, { out: svg, text: 'a rocket' });
    await writeSheet(model, photo, { out: html, text: 'a <rocket> & "quotes"' });
    const drawing = await readFile(svg, 'utf8');
    const height = Number(/height="(\d+)"/.exec(drawing)![1]);
    const { width, height: pixels, data } = await decodeImage(png);
    expect([width, pixels]).toEqual([2160, 2 * height]);
    expect([...data.subarray(0, 3)]).toEqual([255, 255, 255]);
    expect(new Set(data).size).toBeGreaterThan(100);
    const page = await readFile(html, 'utf8');
    expect(page).toContain('<title>BLIP-2: a &lt;rocket&gt; &amp; &quot;quotes&quot;</title>');
    expect(count(page, /<tr><th scope="row">/g)).toBe(2 + explainedWords(page) + 5);
    await expect(writeSheet(model, 'nothing.png', { out: join(folder, 'sheet.jpg') })).rejects.toThrow(
      "sheet.jpg' ends in none of .png, .svg, .html",
    );
    await expect(writeSheet(model, photo, { out: join(folder, 'none', 'a.svg') })).rejects.toThrow('(ENOENT)');
    expect((await readdir(folder)).sort()).toEqual(['sheet.SVG', 'sheet.html', 'sheet.png']);
  });
});

const explainedWords = (page: string): number => count(page, /relevance of '/g);

test('characters without an outline become boxes, and no text breaks the sheet', async () => {
  const face = await openTypeface(['aЖλệ火🚀']);
  const style = { size: 10, fill: '#000' };
  const at = { x: 0, y: 10 };
  const box = 'M0.6 10H5.4V2.8H0.6ZM1.2 9.4V3.4H4.8V9.4Z';
  for (const char of ['火', '🚀']) expect(face.line(char, style, at)).toBe(element('path', { d: box, fill: '#000' }));
  const outlines = [...'aЖλệ'].map((char) => face.line(char, style, at));
  expect(new Set(outlines).size).toBe(4);
  for (const d of outlines) expect(d).not.toContain(box);
  expect(face.width('火', style)).toBe(6);
  expect(face.line('a\u200D\uFE0F', style, at)).toBe(face.line('a', style, at));

  for (const odd of ['火箭 🚀 שלום \u0000 \uD800', 'w'.repeat(400), 'word '.repeat(100)]) {
    const { text } = explanation;
    const svg = markup(await renderSheet({ ...explanation, text: { ...text!, text: odd } }));
    expect(svg).not.toMatch(/NaN|[\0\p{Cs}]/u);
  }
});

test('lines are broken between words and cut with an ellipsis', async () => {
  const face = await openTypeface(['abc …']);
  const style = { size: 10, fill: '#000' };
  const width = face.width('aaa bbb', style) + 1;
  expect(face.wrap('aaa bbb ccc', style, { width, lines: 3 })).toEqual(['aaa bbb', 'ccc']);
  const [first, last] = face.wrap('aaa bbb ccc aaa bbb', style, { width, lines: 2 });
  expect([first, last]).toEqual(['aaa bbb', expect.stringMatching(/^ccc a*…$/)]);
  expect(face.width(last!, style)).toBeLessThanOrEqual(width);
  expect(face.wrap('', style, { width, lines: 2 })).toEqual(['']);
});

test('colors are of multiples of uniform attention, on a logarithmic scale for all maps', () => {
  const values = new Float32Array([0.25, 0.25, 0.25, 0.25, 1, 0, 0, 0]); // uniform, and all on one patch
  const maps = relativeMaps({ rows: 2, columns: 2, values });
  expect(maps.map(({ peak }) => peak)).toEqual([1, 4]);
  const scale = heatScale(maps);
  expect(scale.ticks).toEqual([1, 2, 4]);
  expect([0, 1, 2, 4, 100].map(scale.at)).toEqual([0, 0, 0.5, 1, 1]);
  expect(heatScale([]).ticks).toEqual([1, 2]);
  expect(heatScale([{ values, peak: 200 }]).ticks).toEqual([1, 4, 16, 64, 256]);
  const white = { width: 2, height: 2, data: new Uint8Array(12).fill(255) };
  const painted = maps.map((map) => [...paintMap(white, map, { rows: 2, columns: 2, scale }).data]);
  expect(painted[0]).toEqual(Array(12).fill(255)); // uniform attention is not colored
  expect(painted[1]!.slice(0, 3)).toEqual([128, 26, 96]);
  expect(painted[1]!.slice(3)).toEqual(Array(9).fill(255));
});

test('markup in a text is escaped', () => {
  expect(escapeXml('<a href="x">&\u0007\uDC00')).toBe('&lt;a href=&quot;x&quot;&gt;&amp;\uFFFD\uFFFD');
  expect(element('rect', { x: 1.23456, fill: '"' })).toBe('<rect x="1.23" fill="&quot;"/>');
});
