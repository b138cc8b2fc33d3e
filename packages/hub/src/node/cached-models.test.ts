import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { inFolder } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { blobsIn, large, noise, tinyHub } from '../../test/tiny-hub.js';
import { cachedModels, deleteModel } from '../index.js';

const tiny = tinyHub();
const OTHER = 'f'.repeat(40);

test('downloaded models are listed with their bytes, and deleted', async () => {
  await inFolder(async (cache) => {
    expect(await cachedModels({ cache })).toEqual([]);
    expect(await deleteModel('org/tiny', { cache })).toBe(false);
    await tiny.resolved(cache);
    const [first, ...others] = await cachedModels({ cache });
    expect(first).toMatchObject({ name: 'org/tiny' });
    expect(first!.bytes).toBeGreaterThan(3_000_001);
    expect(others).toEqual([]);
    expect(await deleteModel('org/tiny', { cache })).toBe(true);
    expect(await readdir(cache)).toEqual([]);
    await expect(deleteModel('../other', { cache })).rejects.toThrow("'../other' is no name of a model");
  });
});

test('of two revisions one is deleted, with the contents that the other does not share', async () => {
  await inFolder(async (cache) => {
    await tiny.resolved(cache);
    tiny.hub.commit = OTHER;
    tiny.hub.files.set('model.safetensors', large(noise(1000, 3)));
    await tiny.resolved(cache, {}, `org/tiny@${OTHER}`);
    expect((await cachedModels({ cache })).map(({ name }) => name)).toEqual(['org/tiny', `org/tiny@${OTHER}`]);
    const before = (await readdir(blobsIn(cache))).length;
    expect(await deleteModel(`org/tiny@${OTHER}`, { cache })).toBe(true);
    expect((await readdir(blobsIn(cache))).length).toBe(before - 1);
    expect((await cachedModels({ cache })).map(({ name }) => name)).toEqual(['org/tiny']);
    expect(await deleteModel(`org/tiny@${OTHER}`, { cache })).toBe(false);
    expect(await readdir(join(cache, 'models--org--tiny', 'snapshots'))).toHaveLength(1);
  });
});
