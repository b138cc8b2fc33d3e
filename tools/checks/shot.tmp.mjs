import { chromium } from 'playwright-core';

const [report, out] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
const page = await browser.newPage({ viewport: { width: 980, height: 1000 } });
await page.goto('file://' + report);
const ids = await page.$$eval('section[id], [id]', (all) => all.map((e) => e.tagName + '#' + e.id));
console.log(ids.join(' '));
for (const id of ['retrieval', 'attention', 'captions']) {
  const e = await page.$('#' + id);
  if (e) await e.screenshot({ path: `${out}/${id}.png` });
}
await browser.close();
