import { isFile, isFolder, toPath } from '@blip2/tensor/files';
import { diskError, HubError } from '../errors.js';
import { type ModelInfo, modelInfo } from '../info.js';
import { type HubName, hubName, isCommit, nameOf } from '../name.js';
import type { ResolveOptions } from '../options.js';
import { type HubSettings, hubSettings } from '../settings.js';
import { completeSnapshot, modelFolders } from './cache.js';
import { downloadSnapshot } from './snapshot.js';

/**
 * Resolves a model to a local path, and downloads it from the hub where necessary: into the cache of `huggingface_hub`,
 * only files that loading needs, when they are missing or the hub has a newer revision. Where the hub cannot be reached, an
 * earlier download is used.
 * @param model an existing folder or file (a path or a `file:` URL), which is returned as a path, or a hub name: `org/name`
 * or `org/name@revision`; what is neither is returned unchanged
 * @throws HubError for a model that does not exist or cannot be accessed, without network or disk space, and for a file
 * that does not match its checksum
 */
export async function resolveModel(model: string | URL, options: ResolveOptions = {}): Promise<string> {
  const path = toPath(model);
  if ((await isFile(path)) || (await isFolder(path))) return path;
  const name = typeof model === 'string' ? hubName(model) : undefined;
  if (!name) return path;
  const settings = hubSettings(options.hub);
  const { signal, onDownload } = options;
  const cached = await completeSnapshot(modelFolders(settings.cache, name), name.revision);
  if (cached && (settings.offline || isCommit(name.revision))) return cached;
  const info = await findInfo(name, { cached, settings, options });
  if (!info) return cached!;
  try {
    return await downloadSnapshot(name, info, { settings, signal, onDownload });
  } catch (error) {
    signal?.throwIfAborted();
    throw diskError(error, settings.cache);
  }
}

interface Lookup {
  readonly cached: string | undefined;
  readonly settings: HubSettings;
  readonly options: ResolveOptions;
}

/** Fetches the info of a model; undefined where that fails and there is an earlier download. */
async function findInfo(name: HubName, { cached, settings, options }: Lookup): Promise<ModelInfo | undefined> {
  const { signal, onNote } = options;
  if (settings.offline) {
    const where = `there is no complete download of that name in the cache '${settings.cache}'`;
    throw new HubError(
      `There is no folder '${nameOf(name)}', and ${where}; unset HF_HUB_OFFLINE to download it, or check the path.`,
    );
  }
  try {
    return await modelInfo(name, { settings, signal, tries: cached ? 1 : 3 });
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof HubError)) throw error;
    const { message } = error;
    if (!cached) {
      throw new HubError(`There is no folder '${nameOf(name)}', and ${message.replace(/^There/, 'there')}`, {
        cause: error,
      });
    }
    onNote?.(`${message} The earlier download is used.`);
    return undefined;
  }
}
