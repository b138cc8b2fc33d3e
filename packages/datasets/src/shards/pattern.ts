import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { expand } from 'brace-expansion';
import { escapePath, glob } from 'tinyglobby';

/** A tar file of a data set. */
export interface Shard {
  /** Its path relative to the folder, or address, that all shards share: what ids begin with. */
  readonly name: string;
  /** Absolute path, or address. */
  readonly at: string;
  readonly remote: boolean;
}

/** Shards at most. */
const MOST = 100_000;
const TAR = /\.(tar|tar\.gz|tgz)$/i;
const WILD = /[*?[]/;

/** Whether a text is an address. */
export const isAddress = (text: string): boolean => /^https?:\/\//i.test(text);

/** Whether a text names shards: an address, a tar file, or a pattern of such. */
export const namesShards = (text: string): boolean => isAddress(text) || TAR.test(text.replace(/[}\])]+$/, ''));

/**
 * Returns the shards that patterns name, in their order: `{000..012}` and `{a,b}` in paths and addresses, `*`, `?`, `[...]` and
 * `**` in paths, and a folder for the tar files in it and in its folders.
 * @throws where a pattern names none, a file is not there, or a shard is named twice
 */
export async function findShards(patterns: readonly string[], signal?: AbortSignal): Promise<Shard[]> {
  const all: string[] = [];
  for (const pattern of patterns) {
    const isName = !isAddress(pattern) && (await isThere(pattern)); // whatever letters it has
    const texts = isName ? [pattern] : expand(pattern, { max: MOST + 1 });
    if (texts.length > MOST) throw new Error(`'${pattern}' names more than ${MOST} shards; give fewer of them.`);
    for (const text of texts) all.push(...(isAddress(text) ? [text] : await localShards(text, signal)));
  }
  const twice = all.find((at, i) => all.indexOf(at) !== i);
  if (twice !== undefined) throw new Error(`The shard '${twice}' is named twice; name each once.`);
  const names = all.map((at) => (isAddress(at) ? nameOf(at) : at.replaceAll('\\', '/')));
  const common = commonFolder(names);
  return all.map((at, i) => ({ name: names[i]!.slice(common.length), at, remote: isAddress(at) }));
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

async function localShards(text: string, signal: AbortSignal | undefined): Promise<string[]> {
  const path = resolve(text);
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) return [path];
  const how = { absolute: true, expandDirectories: false, ...(signal && { signal }) };
  if (found?.isDirectory()) {
    const inside = await glob(
      ['*', '*/*'].map((one) => join(escapePath(path), one)),
      how,
    );
    return chosen(
      inside.filter((name) => TAR.test(name)),
      `There is no tar file in the folder '${path}'`,
    );
  }
  if (!WILD.test(text)) throw new Error(`There is no shard at '${path}'; check the path.`);
  return chosen(await glob(text.replaceAll('\\', '/'), how), `No file matches '${text}'`);
}

function chosen(paths: readonly string[], problem: string): string[] {
  if (paths.length === 0) throw new Error(`${problem}; check the path.`);
  return paths.map((path) => resolve(path)).sort();
}

/** The path of an address, without what comes after it. */
function nameOf(address: string): string {
  const { host, pathname } = new URL(address);
  try {
    return host + decodeURIComponent(pathname);
  } catch {
    return host + pathname;
  }
}

/** The folder, with its slash, in which all of these lie. */
function commonFolder(names: readonly string[]): string {
  let common = `${dirname(names[0] ?? '').replaceAll('\\', '/')}/`;
  for (const name of names) while (!name.startsWith(common)) common = common.replace(/[^/]*\/$/, '');
  return common;
}
