import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { emojiConfigs } from './config.js';

const { parse, preset, read } = emojiConfigs;

test('a config that is wrong all over is told in a few words', () => {
  const strange = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key${i}`.repeat(50), i]));
  const parsing = (): unknown => parse({ ...preset('demo'), ...strange });
  expect(parsing).toThrow(/; and 490 more\.$/);
  expect(parsing).toThrow(/^The configuration is wrong: .{0,4000}$/);
});

test('a key __proto__ beside a preset is one that is not known', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'blip2-config-'));
  try {
    const path = join(folder, 'config.json');
    await writeFile(path, '{"preset": "demo", "__proto__": {"seed": 9}}');
    await expect(read(path)).rejects.toThrow("'__proto__' is not a key");
    await writeFile(path, '{"preset": "demo", "seed": 9}');
    expect((await read(path)).seed).toBe(9);
  } finally {
    await rm(folder, { recursive: true });
  }
});
