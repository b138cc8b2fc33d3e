import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { folderFiles, startHub, type TestHub } from '@blip2/testing/hub';
import type { Browser, Page } from 'playwright-core';
import type { Result } from '../report.js';
import { root } from '../workspace.js';
import { nativeModules, servedFolders } from './import-map.js';
import { type RunningSite, serve } from './server.js';

const LIMIT = 120_000;
/** What the test hub serves: the starter's second stage with copies of its frozen parts. */
const MODEL = 'org/tiny';
const photos = join(root, 'tools/testing/fixtures/photos');
const starter = join(root, 'packages/starter/models');
const drawings = join(root, 'tools/testing/fixtures/images');
/** Photographs, and a drawing on transparent ground. */
const images = ['/photos/coffee.png', '/photos/chelsea.png', '/images/logo.png'];
const onDisk = [join(photos, 'coffee.png'), join(photos, 'chelsea.png'), join(drawings, 'logo.png')];

interface Found {
  readonly caption: string;
  readonly tokens: readonly number[];
}

/** Runs the tests of `models-page.js` in an isolated page, against what the same packages give in Node. */
export async function checkModels(browser: Browser): Promise<Result[]> {
  const { map, files } = await nativeModules();
  const whole = await wholeModel();
  const page = `<!doctype html><title>models</title><link rel="icon" href="data:,"><input type="file" webkitdirectory>
<script type="importmap">${JSON.stringify(map)}</script>`;
  const folders = {
    ...servedFolders(),
    '/browser/': fileURLToPath(new URL('.', import.meta.url)),
    '/photos/': photos,
    '/images/': drawings,
    '/whole/': whole,
  };
  const site = await serve({ folders, files, page, isolated: true });
  const bare = await serve({ folders, files, page, isolated: true, ranges: false });
  const hub = await startHub(await folderFiles(whole));
  const context = await browser.newContext();
  try {
    return await new Checks(await context.newPage(), { site, bare, hub }).all();
  } catch (error) {
    return [{ name: 'browser, models', problems: [String(error)] }];
  } finally {
    await context.close();
    site.close();
    bare.close();
    await hub.close().catch(() => {});
    rmSync(whole, { recursive: true });
  }
}

interface Servers {
  readonly site: RunningSite;
  /** The same without ranges. */
  readonly bare: RunningSite;
  readonly hub: TestHub;
}

class Checks {
  private readonly results: Result[] = [];

  constructor(
    private readonly tab: Page,
    private readonly servers: Servers,
  ) {}

  async all(): Promise<Result[]> {
    const { site } = this.servers;
    const all = await inNode(undefined);
    const expected = all.slice(0, 1);
    const one = images.slice(0, 1);
    await this.tab.goto(site.url);
    await this.check('the starter captions PNGs as Node does, token by token', async () => {
      const { found, backend } = await this.run<{ found: Found[]; backend: { name: string } }>('starter', { images });
      equal('captions', found, all);
      equal('backend', backend.name, 'simd');
      const outside = site.asked.filter(({ path }) => path.includes('/models/') && path.endsWith('.json'));
      equal('no file is asked for in vain', outside.length > 0, true);
    });
    await this.check('a chosen directory, with references between its folders', async () => {
      await this.tab.locator('input').setInputFiles(starter);
      equal('captions', await this.run('chosen', { images: one }), expected);
    });
    const paths = [
      'config.json',
      'model.safetensors',
      'processor_config.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ];
    await this.check('dropped files', async () => {
      equal('captions', await this.run('dropped', { images: one, folder: '/whole/', paths }), expected);
    });
    await this.check('an address, stored after its headers were read by ranges', async () => {
      site.asked.length = 0;
      equal('captions', await this.run('address', { images: one, url: `${site.url}whole` }), expected);
      const first = site.asked.find(({ method, path }) => method === 'GET' && path.endsWith('.safetensors'));
      equal('the first request of weights', first?.range !== undefined, true);
      site.asked.length = 0;
      equal('captions', await this.run('address', { images: one, url: `${site.url}whole` }), expected);
      equal(
        'bodies of the second load',
        site.asked.filter(({ method, path }) => method === 'GET' && path.startsWith('/whole/')),
        [],
      );
      equal(
        'cached',
        (await this.run<{ name: string }[]>('cached')).map(({ name }) => name),
        [`${site.url}whole`],
      );
      equal('deleted', await this.run('deleted', { name: `${site.url}whole` }), true);
      equal('cached', await this.run('cached'), []);
    });
    await this.check('a server without ranges', async () => {
      const url = `${this.servers.bare.url}packages/starter/models/blip2`;
      await this.tab.goto(this.servers.bare.url);
      const found = await this.run('address', { images: one, url }).finally(() => this.tab.goto(site.url));
      equal('captions', found, expected);
    });
    await this.check('a model that does not fit is refused before its weights are requested', async () => {
      site.asked.length = 0;
      const memory = { system: 1000 };
      const message = await this.run<string>('refused', { url: `${site.url}whole`, memory });
      equal('refusal', /needs .* = .*, but this machine has 0.0 MB free/.test(message) ? '' : message, '');
      const whole = site.asked.filter(
        ({ method, path, range }) => method === 'GET' && path.endsWith('.safetensors') && !range,
      );
      equal('weights', whole, []);
    });
    await this.check('a model saved in memory and in a directory is read there, and by Node', async () => {
      const saved = await this.run<Saved>('saved', { images: one });
      equal('in memory', saved.memory, expected);
      equal('in the directory', saved.directory, expected);
      equal('files', saved.onDisk, Object.keys(saved.files).sort());
      const folder = mkdtempSync(join(tmpdir(), 'blip2-saved-'));
      try {
        for (const [path, text] of Object.entries(saved.files))
          writeFileSync(join(folder, path), Buffer.from(text, 'base64'));
        equal('in Node', await inNode(folder), all);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
    await this.hubChecks(expected);
    return this.results;
  }

  /** The hub, with a download that is given up and resumed, a damaged file, no network, and removal. */
  private async hubChecks(expected: readonly Found[]): Promise<void> {
    const { hub: server } = this.servers;
    const hub = { endpoint: server.endpoint, token: 'hf_secret', retryDelay: 10 };
    const weights = server.files.get('model.safetensors')!.bytes;
    const half = Math.floor(weights.length / 2);
    const given = { images: images.slice(0, 1), name: MODEL, hub };
    await this.check('a download that was given up is resumed in another tab', async () => {
      server.behave = ({ server: at }) => (at === 'storage' ? { slow: 20 } : undefined);
      equal('stopped', (await this.run<Loaded>('hub', { ...given, stopAfter: half })).error, 'given up');
      equal('cached', await this.run('cached'), []);
      await this.tab.reload();
      server.behave = () => undefined;
      server.asked.length = 0;
      const { found, last } = await this.run<Loaded>('hub', given);
      equal('captions', found, expected);
      equal('progress', last.done === last.total && last.total > 0, true);
      const from = server.asked.map(({ range }) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0));
      equal('resumed', Math.max(...from) > 0, true);
      const asked = server.asked.filter(({ server: at }) => at === 'storage');
      equal(
        'the token',
        asked.map(({ authorization }) => authorization),
        asked.map(() => undefined),
      );
      equal(
        'cached',
        (await this.run<{ name: string }[]>('cached')).map(({ name }) => name),
        [MODEL],
      );
    });
    await this.check('what is stored is loaded without a request of a file, and without a network', async () => {
      await this.tab.reload();
      server.asked.length = 0;
      const loaded = await this.run<Loaded>('hub', given);
      equal('captions', loaded.found, expected);
      equal('requests', server.asked.filter(({ method }) => method === 'GET').length, 1);
      const offline = await this.run<Loaded>('hub', { ...given, hub: { ...hub, endpoint: 'http://127.0.0.1:9' } });
      equal('captions', offline.found, expected);
      equal('note', /cannot be reached.* The earlier download is used\.$/.test(offline.notes[0] ?? ''), true);
    });
    await this.check('where the storage has no room, a model is read from its server, and a note says so', async () => {
      equal('deleted', await this.run('deleted', { name: MODEL }), true);
      server.asked.length = 0;
      const loaded = await this.run<Loaded>('hub', { ...given, quota: weights.length });
      equal('captions', loaded.found, expected);
      const note = new RegExp(`^${MODEL} is not kept for the next time: it needs [\\d.]+ MB, and [\\d.]+ MB are left`);
      equal('notes', loaded.notes.length === 1 && note.test(loaded.notes[0]!) ? '' : loaded.notes, '');
      equal('cached', await this.run('cached'), []);
      const ofWeights = server.asked.filter(({ server: at, method }) => at === 'storage' && method === 'GET');
      equal(
        'ranges',
        ofWeights.every(({ range }) => /^bytes=\d+-\d+$/.test(range ?? '')),
        true,
      );
    });
    await this.check('a damaged file is refused, and nothing of it is kept', async () => {
      const damaged = Uint8Array.from(weights);
      damaged[weights.length - 5]! ^= 1;
      server.behave = ({ server: at }) => (at === 'storage' ? { bytes: damaged } : undefined);
      const { error = '' } = await this.run<Loaded>('hub', given);
      equal('refusal', /'model.safetensors' does not have the expected checksum/.test(error) ? '' : error, '');
      equal('cached', await this.run('cached'), []);
      server.behave = () => undefined;
      equal('captions', (await this.run<Loaded>('hub', given)).found, expected);
      await this.run('deleted', { name: MODEL });
    });
  }

  private async run<T>(name: string, given: object = {}): Promise<T> {
    const script = `import('/browser/models-page.js').then(({ tests }) => tests.${name}(${JSON.stringify(given)}))`;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`It did not end within ${LIMIT / 1000} s.`)), LIMIT);
    });
    return Promise.race([this.tab.evaluate(script) as Promise<T>, late]).finally(() => clearTimeout(timer));
  }

  private async check(name: string, work: () => Promise<void>): Promise<void> {
    const problems: string[] = [];
    await work().catch((error: Error) => problems.push(error.message));
    this.results.push({ name: `browser, models: ${name}`, problems });
  }
}

interface Saved {
  readonly memory: Found[];
  readonly directory: Found[];
  readonly onDisk: string[];
  readonly files: Readonly<Record<string, string>>;
}

interface Loaded {
  readonly found?: Found[];
  readonly error?: string;
  readonly notes: string[];
  readonly last: { readonly done: number; readonly total: number };
}

interface Model {
  readonly models: readonly Readonly<Record<'folder' | 'params' | 'config' | 'processor' | 'prompts', unknown>>[];
  caption(image: string): Promise<Found>;
  dispose(): void;
}

interface Models {
  fromPretrained(folder?: string, options?: object): Promise<Model>;
  saveStage2(folder: string, model: object, options: object): Promise<void>;
}

/** Throws where two values differ. */
function equal(what: string, value: unknown, wanted: unknown): void {
  if (isDeepStrictEqual(value, wanted)) return;
  throw new Error(`${what}: ${JSON.stringify(value)}, not ${JSON.stringify(wanted)}`);
}

/** The built package, in Node. */
const models = (): Promise<Models> => import(pathToFileURL(join(root, 'packages/models/dist/index.js')).href);

/** Saves the second stage of the starter, with copies of its frozen parts, in a temporary folder. */
async function wholeModel(): Promise<string> {
  const { fromPretrained, saveStage2 } = await models();
  const model = await fromPretrained(undefined, { kind: 'generation' });
  const target = mkdtempSync(join(tmpdir(), 'blip2-whole-'));
  const { folder, params, config, processor, prompts } = model.models[0]!;
  const frozen = { tokenizer: folder, vision: { folder }, language: { folder } };
  await saveStage2(target, { params, config, processor, prompts, ...frozen }, { dtype: 'F16' });
  model.dispose();
  return target;
}

/** The captions of the same images by the same packages in Node. */
async function inNode(folder: string | undefined): Promise<Found[]> {
  const { fromPretrained } = await models();
  const model = await fromPretrained(folder);
  try {
    const found: Found[] = [];
    for (const image of onDisk) {
      const { caption, tokens } = await model.caption(image);
      found.push({ caption, tokens });
    }
    return found;
  } finally {
    model.dispose();
  }
}
