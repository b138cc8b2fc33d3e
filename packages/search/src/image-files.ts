import { readdir, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { toPath } from '@blip2/tensor/files';

const IMAGE = /\.(jpe?g|png|webp|gif|tiff?|avif)$/i;
const WILD = /[*?]/;

/**
 * Lists the images that paths and patterns name: a folder stands for all image files in and below it, in alphabetical
 * order, a pattern with `*`, `?` or `**` for the image files that match, and any other path for itself, whether the file
 * exists or not. Hidden files are left out; no image is listed twice.
 * @param names paths, patterns or `file:` URLs
 */
export async function findImages(names: readonly (string | URL)[]): Promise<string[]> {
  const found = new Set<string>();
  for (const name of names.map(toPath)) {
    const status = await stat(name).catch(() => undefined);
    if (status?.isDirectory()) for (const file of await below(name)) found.add(file);
    else if (!status && WILD.test(name)) for (const file of await matching(name)) found.add(file);
    else found.add(name); // a missing file is reported where it is read
  }
  return [...found];
}

async function below(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names
    .filter((name) => IMAGE.test(name) && !name.split(sep).some((part) => part.startsWith('.')))
    .sort()
    .map((name) => join(folder, name));
}

async function matching(pattern: string): Promise<string[]> {
  const parts = pattern.split(/[\\/]/);
  const first = parts.findIndex((part) => WILD.test(part));
  const base = parts.slice(0, first).join('/') || (pattern.startsWith('/') ? '/' : '.');
  const matches = patternRegExp(parts.slice(first));
  const prefix = base === '.' ? '' : base;
  return (await below(base).catch(() => []))
    .map((file) => file.split(sep).join('/'))
    .filter((file) => matches.test(prefix ? file.slice(join(prefix, '/').length) : file));
}

/** `**` matches any folders, `*` and `?` anything but a separator. */
function patternRegExp(parts: readonly string[]): RegExp {
  const source = parts.map((part, i) => {
    const last = i === parts.length - 1;
    if (part === '**') return last ? '.*' : '(?:[^/]+/)*';
    const text = part
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '[^/]*')
      .replaceAll('?', '[^/]');
    return last ? text : `${text}/`;
  });
  return new RegExp(`^${source.join('')}$`);
}
