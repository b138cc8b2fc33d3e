import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parseConfig, preset, readConfig } from './config.js';

test('a config that is wrong all over is told in a few words', () => {
  const strange = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key${i}`.repeat(50), i]));
  const read = (): unknown => parseConfig({ ...preset('demo'), ...strange });
  expect(read).toThrow(/; and 490 more\.$/);
  expect(read).toThrow(/^The configuration is wrong: .{0,4000}$/);
});

test('a key __proto__ beside a preset is one that is not known', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'blip2-config-'));
  try {
    const path = join(folder, 'config.json');
    await writeFile(path, '{"preset": "demo", "__proto__": {"seed": 9}}');
    await expect(readConfig(path)).rejects.toThrow("'__proto__' is not a key");
    await writeFile(path, '{"preset": "demo", "seed": 9}');
    expect((await readConfig(path)).seed).toBe(9);
  } finally {
    await rm(folder, { recursive: true });
  }
});
