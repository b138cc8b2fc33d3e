import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findChromium } from '@blip2/testing/chromium';
import { chromium } from 'playwright-core';
import { writeFiles } from '../walk/files.js';
import { serveFolder } from '../walk/serve-folder.js';

const usage = `npm run -s measure -- [--rounds N] [--most RATIO]

Captions ten drawings with the starter model, five beams, N times in turn (default 10) in an isolated page of headless Chromium and in Node,
with WebAssembly alone and with native kernels; the page must be built. Prints milliseconds per caption and ratios to Node's WebAssembly, and
fails where Chromium's median is more than RATIO times as long (default 1.5).`;

/** Captions an image. */
interface Contender {
  readonly name: string;
  caption(path: string): Promise<{ readonly ms: number; readonly tokens: readonly number[] }>;
  close(): Promise<void>;
}

const script = fileURLToPath(new URL('./node-captions.ts', import.meta.url));

async function node(name: string, native: '0' | '1'): Promise<Contender> {
  const child = spawn(process.execPath, ['--conditions=@blip2/source', '--import', 'tsx', script], {
    env: { ...process.env, BLIP2_NATIVE: native },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { done, value } = await lines.next();
    if (done) throw new Error(`The process '${name}' ended.`);
    return value;
  };
  console.error(`${name}: ${await next()}`);
  return {
    name,
    async caption(path) {
      child.stdin.write(`${path}\n`);
      return JSON.parse(await next()) as { ms: number; tokens: number[] };
    },
    close: async () => void child.kill(),
  };
}

interface Page {
  readonly blip2: { get(): Promise<{ readonly info: object; caption(image: Blob): Promise<{ tokens: number[] }> }> };
}

async function page(executablePath: string): Promise<Contender> {
  const site = fileURLToPath(new URL('../../dist', import.meta.url));
  const { url, close } = await serveFolder(site, { isolated: true });
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  const tab = await browser.newPage();
  await tab.goto(url);
  const info = await tab.evaluate(async () => (await (globalThis as unknown as Page).blip2.get()).info);
  console.error(`chromium ${browser.version()}: ${JSON.stringify(info)}`);
  return {
    name: 'chromium',
    async caption(path) {
      const bytes = [...(await readFile(path))];
      return tab.evaluate(async (given) => {
        const model = await (globalThis as unknown as Page).blip2.get();
        const image = new Blob([new Uint8Array(given)]);
        const since = performance.now();
        const { tokens } = await model.caption(image);
        return { ms: performance.now() - since, tokens };
      }, bytes);
    },
    async close() {
      await browser.close();
      close();
    },
  };
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    most: { type: 'string', default: '1.5' },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<void> {
  if (values.help) return console.log(usage);
  const chosen = findChromium();
  if (!chosen) throw new Error('There is no Chromium; install one, or name it in CHROMIUM_PATH.');
  const folder = await mkdtemp(join(tmpdir(), 'blip2-measure-'));
  const contenders: Contender[] = [];
  try {
    const { drawings } = await writeFiles(folder, { captioned: 2 });
    contenders.push(await page(chosen), await node('node, WebAssembly', '0'), await node('node, native', '1'));
    const times = new Map(contenders.map(({ name }) => [name, [] as number[]]));
    for (let round = -1; round < Number(values.rounds); round++) {
      for (const path of drawings) {
        const tokens = new Set<string>();
        for (const contender of contenders) {
          const result = await contender.caption(path);
          tokens.add(result.tokens.join());
          if (round >= 0) times.get(contender.name)!.push(result.ms); // the first round warms up
        }
        if (tokens.size > 1) throw new Error(`The captions of ${path} differ: ${[...tokens].join(' | ')}`);
      }
    }
    const medians = [...times].map(([name, list]) => [name, median(list), Math.min(...list)] as const);
    const reference = medians[1]![1];
    for (const [name, middle, least] of medians) {
      const line = {
        name,
        ms_min: round1(least),
        ms_median: round1(middle),
        ratio: Math.round((100 * middle) / reference) / 100,
      };
      console.log(JSON.stringify(line));
    }
    const ratio = medians[0]![1] / reference;
    if (ratio > Number(values.most)) throw new Error(`Chromium takes ${ratio.toFixed(2)} times as long as Node.`);
  } finally {
    for (const contender of contenders) await contender.close();
    await rm(folder, { recursive: true });
  }
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;
const round1 = (value: number): number => Math.round(10 * value) / 10;

await main();
