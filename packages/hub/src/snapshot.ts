import { mkdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { isFile, readJson } from '@blip2/tensor/files';
import { ChangedError, fetchBlob, type RemoteFile, type Ways } from './blob.js';
import { type CachedModel, cachedModel, placeBlob, writeRef } from './cache.js';
import { HubError, refusal } from './errors.js';
import type { ModelInfo } from './info.js';
import type { HubName } from './name.js';
import { ANY, firstNeeds, type Need, weightNeeds } from './needs.js';
import { bytesOf } from './partial.js';
import { ask } from './request.js';
import { retrying } from './retry.js';

/** Bytes of all files that are missing, together. */
export interface DownloadProgress {
  /** The one that is coming. */
  readonly file: string;
  readonly done: number;
  readonly total: number;
}

export type SnapshotOptions = Pick<Ways, 'settings' | 'signal'> & {
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
};

/** Downloads what loading needs of a model and the cache lacks. Gives the folder of the snapshot. */
export async function downloadSnapshot(name: HubName, info: ModelInfo, options: SnapshotOptions): Promise<string> {
  const { repo } = name;
  const model = cachedModel(options.settings.cache, name);
  const folder = join(model.snapshots, info.commit);
  const place: Place = { name, model, folder, commit: info.commit };
  const { small, index } = firstNeeds(repo, info.files);
  if (index) await have([index], place, { ...options, onDownload: undefined });
  const weights = weightNeeds(repo, info.files, index && (await readJson(join(folder, index.path))));
  await have([...small, ...weights], place, options);
  await writeRef(model, name.revision, info.commit);
  return folder;
}

interface Place {
  readonly name: HubName;
  readonly model: CachedModel;
  readonly folder: string;
  readonly commit: string;
}

async function have(needs: readonly Need[], place: Place, options: SnapshotOptions): Promise<void> {
  const missing: { need: Need; remote: RemoteFile }[] = [];
  for (let i = 0; i < needs.length; i += AT_ONCE) {
    const some = await Promise.all(
      needs.slice(i, i + AT_ONCE).map(async (need) => {
        if (await isFile(join(place.folder, need.path))) return [];
        return [{ need, remote: await announced(need, place, options) }];
      }),
    );
    missing.push(...some.flat());
  }
  if (missing.length === 0) return;
  const remotes = missing.map(({ remote }) => remote);
  await expectRoom(remotes, place, options);
  const total = remotes.reduce((sum, { size = 0 }) => sum + size, 0);
  let before = 0;
  for (const { need, remote } of missing) {
    const { path: file } = need;
    const onBytes = (done: number): void => options.onDownload?.({ file, done: Math.min(before + done, total), total });
    const blob = await current(need, remote, { place, ways: { ...options, onBytes } });
    await placeBlob(blob, join(place.folder, file));
    before += remote.size ?? 0;
    onBytes(0);
  }
}

const AT_ONCE = 8;
const CHANGES = 3;

/** Fetches a file; one that changes on the hub meanwhile is asked for and begun anew. */
async function current(need: Need, remote: RemoteFile, { place, ways }: { place: Place; ways: Ways }): Promise<string> {
  for (let changes = 1; ; changes++) {
    try {
      return await fetchBlob(remote, place.model, ways);
    } catch (error) {
      if (!(error instanceof ChangedError) || changes === CHANGES) throw error;
      remote = await announced(need, place, ways);
    }
  }
}

/** What the hub says of a file before it sends it. */
async function announced({ path, most }: Need, { name, commit }: Place, ways: Ways): Promise<RemoteFile> {
  const { endpoint, token } = ways.settings;
  const asked = { endpoint, token, repo: name.repo, revision: name.revision, file: path };
  const address = `${endpoint}/${name.repo}/resolve/${commit}/${path}`;
  const { response, etag, size } = await retrying(() => ask(address, { ...ways, method: 'HEAD' }), ways);
  if (response.status >= 400) throw refusal(response, asked);
  if (etag === undefined || !/^\w[\w+-]{0,199}$/.test(etag)) {
    throw new HubError(
      `${endpoint} names no ETag for '${path}' of '${name.repo}', so it cannot be checked; check HF_ENDPOINT.`,
    );
  }
  if (size === undefined ? most === ANY : size > most) {
    const what = size === undefined ? 'no size' : `${size.toLocaleString('en')} bytes`;
    throw new HubError(
      `${endpoint} announces ${what} for '${path}' of '${name.repo}', which cannot be; check HF_ENDPOINT.`,
    );
  }
  return { address, asked, etag, size, most };
}

/** @throws where the disk has not enough room for what is to come */
async function expectRoom(
  files: readonly RemoteFile[],
  { model }: Place,
  { settings }: SnapshotOptions,
): Promise<void> {
  await mkdir(model.blobs, { recursive: true });
  let needed = 0;
  for (const { etag, size = 0 } of files) needed += Math.max(0, size - (await bytesOf(join(model.blobs, etag))));
  const { bavail, bsize, blocks } = await statfs(model.blobs);
  const free = bavail * bsize;
  if (needed <= free || blocks === 0) return; // some file systems do not say
  const [want, got] = [needed, free].map((count) => `${(count / 1e9).toFixed(1)} GB`);
  const what = `${want} are needed and ${got} are free in the cache '${settings.cache}'`;
  throw new HubError(`${what}; free some space, or set HF_HOME to a folder on another disk.`);
}
