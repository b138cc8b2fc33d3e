import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inFolder } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { findImages, type SkippedFile } from './image-files.js';

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

const ENDINGS = ['jfif', 'bmp', 'avif', 'tif', 'TIFF', 'JFIF', 'Bmp', 'jpe'];

test('every ending of an image that can be decoded is found, in upper case too; all else is reported', async () => {
  await inFolder(async (folder) => {
    const images = ENDINGS.map((ending) => join(folder, `image.${ending}`));
    const others = ['a.txt', 'b.json', 'c.csv', 'photo.heic', 'none'].map((name) => join(folder, name));
    const hidden = join(folder, '.d.png');
    for (const file of [...images, ...others, hidden]) await writeFile(file, '');
    await mkdir(join(folder, '.git'));
    await symlink('gone.png', join(folder, 'broken.png'));
    expect(await walked(folder)).toEqual({
      images: [...images].sort(),
      skipped: {
        ...Object.fromEntries(others.map((path) => [path, 'ending'])),
        [hidden]: 'hidden',
        [join(folder, '.git')]: 'hidden',
        [join(folder, 'broken.png')]: 'unreadable',
      },
    });
    expect((await walked(join(folder, '*.txt'))).skipped).toEqual({
      [others[0]!]: 'ending',
      [join(folder, 'broken.png')]: 'unreadable',
    });
  });
});

test('links in a loop end, and no image is listed twice', async () => {
  await inFolder(async (outer) => {
    const folder = join(outer, 'photos');
    const at = (name: string) => join(folder, name);
    await mkdir(at('sub/deep'), { recursive: true });
    await mkdir(join(outer, 'other/inner'), { recursive: true });
    for (const file of [at('m.png'), at('sub/deep/n.png'), join(outer, 'other/inner/o.png')]) await writeFile(file, '');
    await symlink('.', at('a'));
    await symlink('..', at('b'));
    await symlink('../..', at('sub/c'));
    await symlink('m.png', at('a.png'));
    await symlink('deep', at('sub/again'));
    await symlink('../other', at('elsewhere'));
    await symlink('..', join(outer, 'other/inner/back'));
    await symlink('back', join(outer, 'other/inner/loop'));
    const images = ['elsewhere/inner/o.png', 'm.png', 'sub/deep/n.png'].map(at);
    const links = ['a', 'b', 'sub/c', 'a.png', 'sub/again', 'elsewhere/inner/back', 'elsewhere/inner/loop'].map(at);
    const skipped = Object.fromEntries(links.map((path) => [path, 'link']));
    expect(await walked(folder)).toEqual({ images, skipped });
    expect(await walked(folder, at('sub'), at('a/m.png'))).toEqual({ images, skipped });
    expect((await walked(at('**/*.png'))).images).toEqual(images);
  });
});

async function walked(...names: string[]) {
  const skipped: SkippedFile[] = [];
  const images = await findImages(names, { onSkipped: (one) => skipped.push(one) });
  return { images, skipped: Object.fromEntries(skipped.map(({ path, reason }) => [path, reason])) };
}
