import { randomUUID } from 'node:crypto';
import { copyFile, link, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { isFile, readJson } from '@blip2/tensor/files';
import { type HubName, isCommit } from '../name.js';
import { INDEX, SINGLE, shardsOf } from '../required-files.js';

/** The folders of a model in the cache, in the layout of `huggingface_hub`. */
export interface ModelFolders {
  /** File contents by etag. */
  readonly blobs: string;
  /** Commits of branches and tags. */
  readonly refs: string;
  /** One folder per commit, with links to the contents. */
  readonly snapshots: string;
}

/** Returns the folders of a model in the cache. */
export function modelFolders(cache: string, { repo }: HubName): ModelFolders {
  const [blobs, refs, snapshots] = ['blobs', 'refs', 'snapshots'].map((part) =>
    join(cache, ['models', ...repo.split('/')].join('--'), part),
  );
  return { blobs: blobs!, refs: refs!, snapshots: snapshots! };
}

/** Finds the folder of a revision whose download is complete; undefined where there is none. */
export async function completeSnapshot(
  { refs, snapshots }: ModelFolders,
  revision: string,
): Promise<string | undefined> {
  const known = isCommit(revision) ? revision : await readFile(join(refs, revision), 'utf8').catch(() => '');
  const commit = known.trim();
  if (!isCommit(commit)) return undefined;
  const folder = join(snapshots, commit);
  return (await isComplete(folder)) ? folder : undefined;
}

/** Whether the config and all weights are there. */
async function isComplete(folder: string): Promise<boolean> {
  if (!(await isFile(join(folder, 'config.json')))) return false;
  if (await isFile(join(folder, SINGLE))) return true;
  const index = await readJson(join(folder, INDEX)).catch(() => undefined);
  if (!index) return false;
  const shards = shardsOf(index);
  const there = await Promise.all(shards.map((shard) => isFile(join(folder, shard))));
  return shards.length > 0 && there.every(Boolean);
}

/** Stores the commit of a branch or tag. */
export async function writeRef({ refs }: ModelFolders, revision: string, commit: string): Promise<void> {
  if (revision === commit) return;
  const path = join(refs, revision);
  if ((await readFile(path, 'utf8').catch(() => '')) === commit) return;
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}.tmp`;
  await writeFile(temporary, commit);
  await rename(temporary, path);
}

type Link = (target: string, path: string) => Promise<void>;

/** Links `path` to a blob: by a relative symbolic link, otherwise a hard link, otherwise as a copy. */
export async function placeBlob(blob: string, path: string, makeLink: Link = symlink): Promise<void> {
  if (await isFile(path)) return;
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await makeLink(relative(dirname(path), blob), temporary)
      .catch(() => link(blob, temporary))
      .catch(() => copyFile(blob, temporary));
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
