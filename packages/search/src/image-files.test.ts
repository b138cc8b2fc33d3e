import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inFolder } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { findImages } from './image-files.js';

test('files, folders and patterns name images, each once', async () => {
  await inFolder(async (folder) => {
    const at = (...names: string[]) => names.map((name) => join(folder, name));
    await mkdir(join(folder, 'a', 'b'), { recursive: true });
    await mkdir(join(folder, '.hidden'));
    for (const file of at('z.JPG', 'notes.txt', 'a/1.png', 'a/2.webp', 'a/b/3.jpeg', '.hidden/4.png')) {
      await writeFile(file, '');
    }
    expect(await findImages([folder])).toEqual(at('a/1.png', 'a/2.webp', 'a/b/3.jpeg', 'z.JPG'));
    expect(await findImages(at('z.JPG', 'z.JPG', 'gone.png'))).toEqual(at('z.JPG', 'gone.png'));
    expect(await findImages(at('a/*.png'))).toEqual(at('a/1.png'));
    expect(await findImages(at('**/?.*'))).toEqual(at('a/1.png', 'a/2.webp', 'a/b/3.jpeg', 'z.JPG'));
    expect(await findImages(at('a/**/*.jpeg', 'none/*.png'))).toEqual(at('a/b/3.jpeg'));
  });
});
