import { readdir, readFile, realpath, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { isFolder } from '@blip2/tensor/files';
import { HubError } from '../errors.js';
import { hubName, nameOf } from '../name.js';
import type { CachedModel } from '../options.js';
import { type HubSettings, hubSettings } from '../settings.js';
import { completeSnapshot, type ModelFolders, modelFolders } from './cache.js';

/**
 * Lists the models that were downloaded completely, by name: of the cache of `huggingface_hub` in Node, of the page's own storage in
 * a browser.
 * @param hub where that cache is. Default: as the environment variables say
 */
export async function cachedModels(hub: Partial<HubSettings> = {}): Promise<CachedModel[]> {
  const { cache } = hubSettings(hub);
  const found: CachedModel[] = [];
  for (const entry of (await names(cache)).sort()) {
    const repo = /^models--(.+)$/.exec(entry)?.[1]?.replaceAll('--', '/');
    if (repo === undefined || !hubName(repo)) continue;
    const model = modelFolders(cache, { repo, revision: 'main' });
    const listed = new Set<string>();
    for (const revision of [...(await revisionsOf(model)), ...(await names(model.snapshots))]) {
      const folder = await completeSnapshot(model, revision);
      if (folder === undefined || listed.has(folder)) continue;
      listed.add(folder);
      found.push({ name: nameOf({ repo, revision }), bytes: await bytesIn(folder) });
    }
  }
  return found;
}

/**
 * Deletes a downloaded model, whether it is complete or not. What other revisions of it share is kept.
 * @param name `org/name`, with which all of its revisions are deleted, or `org/name@revision`; as `cachedModels` lists it
 * @returns whether there was one
 * @throws HubError for what is no such name, and where it cannot be deleted
 */
export async function deleteModel(name: string, hub: Partial<HubSettings> = {}): Promise<boolean> {
  const parsed = hubName(name);
  if (!parsed) throw new HubError(`'${name}' is no name of a model; give one that cachedModels() lists.`);
  const model = modelFolders(hubSettings(hub).cache, parsed);
  const root = dirname(model.snapshots);
  if (!(await isFolder(root))) return false;
  if (!name.includes('@')) {
    await rm(root, { recursive: true, force: true });
    return true;
  }
  const ref = join(model.refs, parsed.revision);
  const commit = (await readFile(ref, 'utf8').catch(() => parsed.revision)).trim();
  const snapshot = join(model.snapshots, commit);
  if (!(await isFolder(snapshot))) return false;
  await rm(ref, { force: true });
  const others = await Promise.all(
    (await revisionsOf(model)).map(async (other) => (await readFile(join(model.refs, other), 'utf8')).trim()),
  );
  if (others.includes(commit)) return true;
  const blobs = await blobsOf(snapshot);
  await rm(snapshot, { recursive: true, force: true });
  const kept = new Set<string>();
  for (const other of await names(model.snapshots)) {
    for (const blob of await blobsOf(join(model.snapshots, other))) kept.add(blob);
  }
  for (const blob of blobs) if (!kept.has(blob)) await rm(blob, { force: true });
  if ((await names(model.snapshots)).length === 0) await rmdir(model.snapshots);
  return true;
}

const names = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

/** The branches and tags of which commits are known. */
async function revisionsOf({ refs }: ModelFolders): Promise<string[]> {
  const entries = await readdir(refs, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.tmp'));
  return files.map(({ parentPath, name }) => relative(refs, join(parentPath, name)).replaceAll('\\', '/')).sort();
}

async function filesOf(snapshot: string): Promise<string[]> {
  const entries = await readdir(snapshot, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map(({ parentPath, name }) => join(parentPath, name));
}

async function bytesIn(snapshot: string): Promise<number> {
  const sizes = (await filesOf(snapshot)).map(async (file) => (await stat(file).catch(() => ({ size: 0 }))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** The contents that the links of a snapshot lead to. */
async function blobsOf(snapshot: string): Promise<Set<string>> {
  const found = (await filesOf(snapshot)).map((file) => realpath(file).catch(() => file));
  return new Set(await Promise.all(found));
}
