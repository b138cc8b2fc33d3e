import { readdir, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';

const PICTURE = /\.(jpe?g|png|webp|gif|tiff?|avif)$/i;
const WILD = /[*?]/;

/**
 * The images that some arguments name: a file stands for itself, a folder for all image files in and below it, and a
 * pattern with `*`, `?` or `**` for the image files that fit, as shells have it that do not expand patterns themselves.
 * What begins with a dot is left out. Each once, those of a folder in alphabetical order.
 */
export async function findImages(names: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const name of names) {
    const status = await stat(name).catch(() => undefined);
    if (status?.isDirectory()) for (const file of await below(name)) found.add(file);
    else if (!status && WILD.test(name)) for (const file of await fitting(name)) found.add(file);
    else found.add(name); // one that is not there is told of by whoever reads it
  }
  return [...found];
}

async function below(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names
    .filter((name) => PICTURE.test(name) && !name.split(sep).some((part) => part.startsWith('.')))
    .sort()
    .map((name) => join(folder, name));
}

async function fitting(pattern: string): Promise<string[]> {
  const parts = pattern.split(/[\\/]/);
  const first = parts.findIndex((part) => WILD.test(part));
  const base = parts.slice(0, first).join('/') || (pattern.startsWith('/') ? '/' : '.');
  const fits = regular(parts.slice(first));
  const prefix = base === '.' ? '' : base;
  return (await below(base).catch(() => []))
    .map((file) => file.split(sep).join('/'))
    .filter((file) => fits.test(prefix ? file.slice(join(prefix, '/').length) : file));
}

/** `**` is any folders, `*` and `?` anything but a separator. */
function regular(parts: readonly string[]): RegExp {
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
