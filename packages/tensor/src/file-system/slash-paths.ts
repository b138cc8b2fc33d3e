import type { Paths } from './file-system.js';

/** What an absolute path begins with: a slash, a mounted folder's name, or a server's address. */
const ROOT = /^(?:\/|mount:[^/]*|[a-z][\w+.-]*:\/\/[^/]*)/;

/** Splits a path into its root and the names below it, without `.` and, as far as possible, without `..`. */
function parse(path: string): [root: string, names: string[]] {
  const root = ROOT.exec(path)?.[0] ?? '';
  const names: string[] = [];
  for (const name of path.slice(root.length).split('/')) {
    if (name === '' || name === '.') continue;
    if (name !== '..') names.push(name);
    else if (names.length > 0 && names.at(-1) !== '..') names.pop();
    else if (root === '') names.push(name);
  }
  return [root, names];
}

function format(root: string, names: readonly string[]): string {
  if (root === '') return names.join('/') || '.';
  return names.length === 0 || root === '/' ? root + names.join('/') : `${root}/${names.join('/')}`;
}

const normal = (path: string): string => format(...parse(path));

const isAbsolute = (path: string): boolean => ROOT.test(path);

/** Paths with slashes, of mounted folders and of servers: `mount:model/stage2/config.json`, `https://example.com/model`. */
export const slashPaths: Paths = {
  join: (...parts) => normal(parts.filter((part) => part !== '').join('/')),
  dirname(path) {
    const [root, names] = parse(path);
    return format(root, names.slice(0, -1));
  },
  basename: (path) => parse(path)[1].at(-1) ?? '',
  resolve: (base, path) => normal(isAbsolute(path) ? path : `${base}/${path}`),
  relative(from, to) {
    const [[root, a], [other, b]] = [parse(from), parse(to)];
    if (root !== other) return format(other, b);
    let same = 0;
    while (same < a.length && a[same] === b[same]) same++;
    return [...a.slice(same).map(() => '..'), ...b.slice(same)].join('/');
  },
  isAbsolute,
  sep: '/',
};
