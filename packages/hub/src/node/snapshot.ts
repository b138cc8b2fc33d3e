import { mkdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { isFile, readJson } from '@blip2/tensor/files';
import { HubError, refusal } from '../errors.js';
import type { ModelInfo } from '../info.js';
import type { HubName } from '../name.js';
import type { DownloadProgress } from '../options.js';
import { request } from '../request.js';
import { ANY, type RequiredFile, requiredFiles, weightFiles } from '../required-files.js';
import { withRetries } from '../retry.js';
import { ChangedError, type FetchOptions, fetchBlob, type RemoteFile } from './blob.js';
import { type ModelFolders, modelFolders, placeBlob, writeRef } from './cache.js';
import { bytesOf } from './partial.js';

/** Options of `downloadSnapshot`. */
export type SnapshotOptions = Pick<FetchOptions, 'settings' | 'signal'> & {
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
};

/** Downloads the files that loading needs and that are missing in the cache. @returns the folder of the snapshot */
export async function downloadSnapshot(name: HubName, info: ModelInfo, options: SnapshotOptions): Promise<string> {
  const { repo } = name;
  const model = modelFolders(options.settings.cache, name);
  const folder = join(model.snapshots, info.commit);
  const place: Place = { name, model, folder, commit: info.commit };
  const { small, index } = requiredFiles(repo, info.files);
  if (index) await ensureFiles([index], place, { ...options, onDownload: undefined });
  const weights = weightFiles(repo, info.files, index && (await readJson(join(folder, index.path))));
  await ensureFiles([...small, ...weights], place, options);
  await writeRef(model, name.revision, info.commit);
  return folder;
}

interface Place {
  readonly name: HubName;
  readonly model: ModelFolders;
  readonly folder: string;
  readonly commit: string;
}

/** Downloads those of the files that are missing. */
async function ensureFiles(files: readonly RequiredFile[], place: Place, options: SnapshotOptions): Promise<void> {
  const missing: { file: RequiredFile; remote: RemoteFile }[] = [];
  for (let i = 0; i < files.length; i += AT_ONCE) {
    const some = await Promise.all(
      files.slice(i, i + AT_ONCE).map(async (file) => {
        if (await isFile(join(place.folder, file.path))) return [];
        return [{ file, remote: await describe(file, place, options) }];
      }),
    );
    missing.push(...some.flat());
  }
  if (missing.length === 0) return;
  const remotes = missing.map(({ remote }) => remote);
  await expectDiskSpace(remotes, place, options);
  const total = remotes.reduce((sum, { size = 0 }) => sum + size, 0);
  let before = 0;
  for (const { file, remote } of missing) {
    const onBytes = (done: number): void =>
      options.onDownload?.({ file: file.path, done: Math.min(before + done, total), total });
    const blob = await fetchFile(file, remote, { place, options: { ...options, onBytes } });
    await placeBlob(blob, join(place.folder, file.path));
    before += remote.size ?? 0;
    onBytes(0);
  }
}

const AT_ONCE = 8;
const CHANGES = 3;

/** Fetches a file, and starts over when it changes on the hub. */
async function fetchFile(
  file: RequiredFile,
  remote: RemoteFile,
  { place, options }: { place: Place; options: FetchOptions },
): Promise<string> {
  for (let changes = 1; ; changes++) {
    try {
      return await fetchBlob(remote, place.model, options);
    } catch (error) {
      if (!(error instanceof ChangedError) || changes === CHANGES) throw error;
      remote = await describe(file, place, options);
    }
  }
}

/** Requests the etag and size of a file. @throws for a file without an etag, or with an unexpected size */
async function describe(
  { path, maxBytes }: RequiredFile,
  { name, commit }: Place,
  options: FetchOptions,
): Promise<RemoteFile> {
  const { endpoint, token } = options.settings;
  const requested = { endpoint, token, repo: name.repo, revision: name.revision, file: path };
  const address = `${endpoint}/${name.repo}/resolve/${commit}/${path}`;
  const { response, etag, size } = await withRetries(() => request(address, { ...options, method: 'HEAD' }), options);
  if (response.status >= 400) throw refusal(response, requested);
  if (etag === undefined || !/^\w[\w+-]{0,199}$/.test(etag)) {
    throw new HubError(
      `${endpoint} states no ETag for '${path}' of '${name.repo}', so it cannot be checked; check HF_ENDPOINT.`,
    );
  }
  if (size === undefined ? maxBytes === ANY : size > maxBytes) {
    const what = size === undefined ? 'no size' : `${size.toLocaleString('en')} bytes`;
    throw new HubError(
      `${endpoint} states ${what} for '${path}' of '${name.repo}', which is invalid; check HF_ENDPOINT.`,
    );
  }
  return { address, requested, etag, size, maxBytes };
}

/** @throws where the disk has too little space */
async function expectDiskSpace(
  files: readonly RemoteFile[],
  { model }: Place,
  { settings }: SnapshotOptions,
): Promise<void> {
  await mkdir(model.blobs, { recursive: true });
  let needed = 0;
  for (const { etag, size = 0 } of files) needed += Math.max(0, size - (await bytesOf(join(model.blobs, etag))));
  const { bavail, bsize, blocks } = await statfs(model.blobs);
  const free = bavail * bsize;
  if (needed <= free || blocks === 0) return; // some file systems do not state it
  const [want, got] = [needed, free].map((count) => `${(count / 1e9).toFixed(1)} GB`);
  const what = `${want} are needed and ${got} are free in the cache '${settings.cache}'`;
  throw new HubError(`${what}; free some space, or set HF_HOME to a folder on another disk.`);
}
