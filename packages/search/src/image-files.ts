import {
  type FileKind,
  type FolderEntry,
  fileStatus,
  join,
  listFolder,
  realPath,
  resolve,
  separatorOf,
  toPath,
} from '@blip2/tensor/files';

const IMAGE = /\.(jpe?g|jpe|jfif?|jif|pjp(eg)?|a?png|webp|gif|tiff?|avifs?|bmp|dib)$/i;
const WILD = /[*?]/;

/**
 * Why `findImages` left out what is in a folder: `ending`, a file whose name does not end as that of an image that can be
 * decoded; `hidden`, a file or folder whose name begins with a dot; `link`, a symbolic link to an image or folder that is
 * listed already or that contains the link; `unreadable`, a folder that cannot be listed, a link to nothing, or no regular file.
 */
export type SkipReason = 'ending' | 'hidden' | 'link' | 'unreadable';

/** A file or folder that `findImages` left out. */
export interface SkippedFile {
  readonly path: string;
  readonly reason: SkipReason;
}

/** Options of `findImages`. */
export interface FindOptions {
  /** Called for each file or folder that is left out. Files that a pattern does not match are not among them. */
  readonly onSkipped?: ((skipped: SkippedFile) => void) | undefined;
}

/**
 * Lists the images that paths and patterns name: a folder stands for all image files in and below it, in alphabetical
 * order, a pattern with `*`, `?` or `**` for the image files that match, and any other path for itself, whether the file
 * exists or not. In folders, files are recognized by their endings, hidden ones are left out, and symbolic links are followed
 * except in a loop. No image is listed twice, whatever links lead to it.
 * @param names paths, patterns or `file:` URLs
 */
export async function findImages(names: readonly (string | URL)[], { onSkipped }: FindOptions = {}): Promise<string[]> {
  const found: string[] = [];
  const listed = new Map<string, string>(); // paths by real path
  const reported = new Set<string>();
  for (const name of names.map(toPath)) {
    const { images, skipped } = await imagesOf(name);
    const chosen: string[] = [];
    const linksLast = [...images.filter(({ linked }) => !linked), ...images.filter(({ linked }) => linked)];
    for (const { path, real, linked } of linksLast) {
      const first = listed.get(real);
      if (first === undefined) {
        listed.set(real, path);
        chosen.push(path);
      } else if (linked && first !== path) skipped.push({ path, reason: 'link' });
    }
    found.push(...chosen.sort());
    for (const one of skipped) {
      if (reported.has(one.path)) continue;
      reported.add(one.path);
      onSkipped?.(one);
    }
  }
  return found;
}

interface FoundImage {
  readonly path: string;
  readonly real: string;
  /** Whether the path leads through a symbolic link inside the folder. */
  readonly linked: boolean;
}

interface Walk {
  readonly images: FoundImage[];
  readonly skipped: SkippedFile[];
}

async function imagesOf(name: string): Promise<Walk> {
  const status = await fileStatus(name).catch(() => undefined);
  if (status?.kind === 'folder') return walk(name);
  if (!status && WILD.test(name)) return matching(name);
  const real = await realPath(name).catch(() => resolve(name)); // a missing file is reported where it is read
  return { images: [{ path: name, real, linked: false }], skipped: [] };
}

interface Folder {
  readonly path: string;
  readonly real: string;
  readonly linked: boolean;
}

/** Lists a folder, the folders in it, and then those that links lead to, each once by its real path. */
async function walk(root: string): Promise<Walk> {
  const images: FoundImage[] = [];
  const skipped: SkippedFile[] = [];
  const start = await realPath(root);
  const visited = new Set<string>();
  const folders: Folder[] = [{ path: root, real: start, linked: false }];
  const links: Folder[] = []; // after all other folders, which are then listed under their own names
  for (let folder = folders.pop(); folder; folder = folders.pop() ?? links.shift()) {
    const { path: parent, real: realParent, linked } = folder;
    if (visited.has(realParent)) {
      skipped.push({ path: parent, reason: 'link' });
      continue;
    }
    visited.add(realParent);
    const entries = await listFolder(realParent).catch(() => undefined);
    if (!entries) skipped.push({ path: parent, reason: 'unreadable' });
    for (const entry of entries ?? []) {
      const path = join(parent, entry.name);
      const { kind, real, link } = await kindOf(entry, join(realParent, entry.name));
      if (entry.name.startsWith('.')) skipped.push({ path, reason: 'hidden' });
      else if (kind === 'folder') {
        const loop = link && [start, realParent].some((inside) => isWithin(inside, real));
        if (loop) skipped.push({ path, reason: 'link' });
        else (link ? links : folders).push({ path, real, linked: linked || link });
      } else if (kind === 'other') skipped.push({ path, reason: 'unreadable' });
      else if (IMAGE.test(entry.name)) images.push({ path, real, linked: linked || link });
      else skipped.push({ path, reason: 'ending' });
    }
  }
  return { images, skipped };
}

/** What an entry of a folder is, behind a link too. */
async function kindOf(entry: FolderEntry, path: string): Promise<{ kind: FileKind; real: string; link: boolean }> {
  if (entry.kind !== 'link') return { kind: entry.kind, real: path, link: false };
  const kind = await fileStatus(path).then(
    (found) => found.kind,
    () => 'other' as const,
  );
  return { kind, real: kind !== 'other' ? await realPath(path) : path, link: true };
}

const isWithin = (path: string, folder: string): boolean => {
  const sep = separatorOf(folder);
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
};

async function matching(pattern: string): Promise<Walk> {
  const parts = pattern.split(/[\\/]/);
  const first = parts.findIndex((part) => WILD.test(part));
  const base = parts.slice(0, first).join('/') || (pattern.startsWith('/') ? '/' : '.');
  const regExp = patternRegExp(parts.slice(first));
  const prefix = base === '.' ? '' : base;
  const matches = ({ path }: { path: string }): boolean => {
    const file = path.split(separatorOf(path)).join('/');
    return regExp.test(prefix ? file.slice(join(prefix, '/').length) : file);
  };
  const { images, skipped } = await walk(base).catch((): Walk => ({ images: [], skipped: [] }));
  return {
    images: images.filter(matches),
    skipped: skipped.filter((one) => one.reason === 'unreadable' || (one.reason !== 'hidden' && matches(one))),
  };
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
