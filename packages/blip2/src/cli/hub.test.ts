import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fixture, inFolder, json } from '@blip2/testing';
import { folderFiles, sha256, startHub, type TestHub } from '@blip2/testing/hub';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { blip2, type Ended, start } from '../../test/process.js';

jest.setTimeout(60_000);

const opt = fixture('hf-opt');
let hub: TestHub;
beforeEach(async () => {
  hub = await startHub(await folderFiles(opt));
});
afterEach(() => hub.close());

const at = (home: string) => ({ HF_HOME: home, HF_ENDPOINT: hub.endpoint, HF_TOKEN: 'hf_x', HF_HUB_OFFLINE: '0' });
/** Runs a command; lines of progress that took a second or more are left out of stderr. */
const run = async (args: readonly string[], home: string): Promise<Ended> => {
  const ended = await blip2([...args, '--json'], { env: at(home) });
  return { ...ended, stderr: ended.stderr.replace(/^(down)?loading: .*\n/gm, '') };
};
const blobsIn = (home: string): string => join(home, 'hub', 'models--org--tiny', 'blobs');

test('a caption by name: downloaded, then from the cache without a hub', async () => {
  await inFolder(async (home) => {
    const golden = await json<{ cases: { greedy: number[] }[] }>(join(opt, 'golden.json'));
    const args = ['caption', fixture('photos/chelsea.png'), '--model', 'org/tiny', '--beams', '1'];
    const online = await run([...args, '--backend', 'cpu'], home);
    expect(online).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(online.stdout)).toMatchObject({ tokens: golden.cases[0]!.greedy.slice(6) });
    await hub.close();
    const [offline, wrong] = await Promise.all([
      run([...args, '--backend', 'cpu'], home),
      run(['inspect', 'org/other'], home),
    ]);
    expect(offline.stderr).toMatch(/^http\S+ cannot be reached: .* The earlier download is used\.\n$/);
    const { seconds, ...first } = JSON.parse(online.stdout) as Record<string, unknown>;
    expect(JSON.parse(offline.stdout)).toMatchObject(first);
    expect(wrong).toMatchObject({ code: 1, stdout: '' });
    expect(wrong.stderr).toMatch(/^There is no folder 'org\/other', and http\S+ cannot be reached: .*\.\n$/);
  });
});

test('a killed download is resumed by the next process', async () => {
  await inFolder(async (home) => {
    hub.behave = ({ server }) => (server === 'storage' ? { slow: 200 } : undefined);
    const child = start(['inspect', 'org/tiny'], { env: at(home) });
    const part = await until(async () => {
      const name = (await readdir(blobsIn(home)).catch(() => [])).find((file) => file.endsWith('.incomplete'));
      const status = name === undefined ? undefined : await stat(join(blobsIn(home), name)).catch(() => undefined);
      return (status?.size ?? 0) > 100_000;
    });
    expect(part).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    hub.behave = () => undefined;
    hub.asked.length = 0;
    expect((await run(['inspect', 'org/tiny'], home)).code).toBe(0);
    const ranges = hub.asked.filter(({ server }) => server === 'storage').map(({ range }) => range);
    expect(ranges).toEqual([expect.stringMatching(/^bytes=\d{6}-$/)]);
    await expectWhole(home);
  });
});

test('two processes can download the same model at once', async () => {
  await inFolder(async (home) => {
    hub.behave = ({ server }) => (server === 'storage' ? { slow: 50 } : undefined);
    const both = await Promise.all([run(['inspect', 'org/tiny'], home), run(['inspect', 'org/tiny'], home)]);
    expect(both.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ''],
      [0, ''],
    ]);
    await expectWhole(home);
  });
});

async function expectWhole(home: string): Promise<void> {
  const blobs = await readdir(blobsIn(home));
  expect(blobs).toContain(sha256(hub.files.get('model.safetensors')!.bytes));
  expect(blobs.filter((name) => name.includes('incomplete'))).toEqual([]);
}

async function until(condition: () => Promise<boolean>): Promise<boolean> {
  for (let i = 0; i < 600; i++) {
    if (await condition()) return true;
    await sleep(50);
  }
  return false;
}
