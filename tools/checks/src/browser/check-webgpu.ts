import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Result } from '../report.js';
import { root } from '../workspace.js';
import { findChromium } from './check.js';
import { nativeModules, servedFolders } from './import-map.js';
import { serve } from './server.js';

const WEBGPU = '@tensorflow/tfjs-backend-webgpu';
const ARGS = ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
const IMAGE = '/fixtures/photos/rocket.jpg';
/** Of losses, norms of gradients and scores, as a share of 1 and the value. */
const TOLERANCE = 1e-4;

interface Used {
  readonly chosen: { readonly device: string; readonly reason: string };
  readonly tokens: number[][];
  readonly scores: number[];
  readonly leaked: number;
}

type Steps = Record<string, number>[];

/**
 * Runs the starter and a step of each stage in headless Chromium on a GPU in software, and with WebAssembly, and compares them; `auto` must
 * choose WebAssembly there. It takes minutes, as software compiles each shader. Without a Chromium it says so, and checks nothing.
 */
export async function checkWebgpu(executablePath = findChromium()): Promise<Result[]> {
  if (!executablePath || !existsSync(executablePath)) {
    console.log('SKIPPED webgpu: there is no Chromium; install one, or name it in CHROMIUM_PATH.');
    return [];
  }
  const { map, files } = await nativeModules();
  const require = createRequire(join(root, 'packages/attention/package.json'));
  const backend = dirname(require.resolve(`${WEBGPU}/package.json`));
  const tfjs = map.imports['@tensorflow/tfjs'] as string;
  const imports = {
    ...map.imports,
    '@tensorflow/tfjs-core': tfjs, // the backend must register with the engine that the packages have
    [WEBGPU]: '/tfjs-backend-webgpu/dist/tf-backend-webgpu.fesm.min.js',
  };
  const site = await serve({
    folders: {
      ...servedFolders(),
      '/tfjs-backend-webgpu/': backend,
      '/fixtures/': join(root, 'tools/testing/fixtures'),
    },
    files,
    page: `<!doctype html><title>webgpu</title><link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ ...map, imports })}</script>`,
    isolated: true,
  });
  const browser = await chromium.launch({ executablePath, args: ARGS });
  const results: Result[] = [];
  const check = async (name: string, work: () => Promise<string | undefined>): Promise<void> => {
    const problem = await work().catch((error: Error) => error.message);
    results.push({ name: `webgpu: ${name}`, problems: problem ? [problem] : [] });
  };
  try {
    const tab = await browser.newPage();
    tab.on('console', (message) => console.error(message.text()));
    await tab.goto(site.url);
    const run = <T>(call: string): Promise<T> =>
      tab.evaluate(`import('/packages/models/test/whole-path.js').then(({ use, train }) => ${call})`) as Promise<T>;
    const given = `{ image: new URL('${IMAGE}', location.href) }`;
    await check('auto chooses WebAssembly beside a GPU in software', async () => {
      const { chosen } = await run<Used>(`use('auto', ${given})`);
      console.error(JSON.stringify(chosen));
      return chosen.device === 'wasm' ? undefined : `It chose ${chosen.device}: ${chosen.reason}`;
    });
    await check('the starter captions and matches as with WebAssembly', async () => {
      const [right, mine] = [await run<Used>(`use('wasm', ${given})`), await run<Used>(`use('webgpu', ${given})`)];
      console.error(JSON.stringify([right, mine]));
      if (mine.chosen.device !== 'webgpu') return mine.chosen.reason;
      if (String(mine.tokens) !== String(right.tokens)) return `It gave ${mine.tokens}, not ${right.tokens}.`;
      if (mine.leaked !== 0) return `${mine.leaked} tensors are left.`;
      return differing(numbered(mine.scores), numbered(right.scores));
    });
    await check('both stages train as with WebAssembly', async () => {
      const [right, mine] = [await run<Steps>("train('wasm')"), await run<Steps>("train('webgpu')")];
      console.error(JSON.stringify([right, mine]));
      return right.map((terms, step) => differing(mine[step] ?? {}, terms)).find((problem) => problem);
    });
  } finally {
    await browser.close();
    site.close();
  }
  return results;
}

const numbered = (values: readonly number[]): Record<string, number> =>
  Object.fromEntries(values.map((value, i) => [`score ${i}`, value]));

/** The first value that differs too much, in a sentence. */
function differing(
  mine: Readonly<Record<string, number>>,
  right: Readonly<Record<string, number>>,
): string | undefined {
  for (const [name, value] of Object.entries(right)) {
    const own = mine[name] ?? Number.NaN;
    if (!(Math.abs(own - value) <= TOLERANCE * (1 + Math.abs(value)))) return `${name} is ${own}, not ${value}.`;
  }
  return undefined;
}
