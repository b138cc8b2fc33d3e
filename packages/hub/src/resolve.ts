import { isFile, isFolder, toPath } from '@blip2/tensor/files';
import { cachedModel, wholeSnapshot } from './cache.js';
import { diskError, HubError } from './errors.js';
import { type ModelInfo, modelInfo } from './info.js';
import { type HubName, hubName, isCommit, nameOf } from './name.js';
import { type HubSettings, hubSettings } from './settings.js';
import { type DownloadProgress, downloadSnapshot } from './snapshot.js';

export interface ResolveOptions {
  /** Where models come from, in place of what the environment says. */
  readonly hub?: Partial<HubSettings> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes that came so far and in all, when something is downloaded. */
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
  /** What a person should know, such as that the hub was away and an older download is used. */
  readonly onNote?: ((text: string) => void) | undefined;
}

/**
 * The folder of a model: `model` itself where it is a folder or file, else that of the model of this name
 * (`org/name`, `org/name@revision`) in the usual Hugging Face cache, downloaded there when it is missing or the hub has
 * a newer one. Without the hub what was downloaded before is used. What cannot be a name is given back as it is.
 * @throws HubError, one sentence: no such model, no access, no network, no room, or a file that is not what was announced
 */
export async function resolveModel(model: string | URL, options: ResolveOptions = {}): Promise<string> {
  const path = toPath(model);
  if ((await isFile(path)) || (await isFolder(path))) return path;
  const name = typeof model === 'string' ? hubName(model) : undefined;
  if (!name) return path;
  const settings = hubSettings(options.hub);
  const { signal, onDownload } = options;
  const cached = await wholeSnapshot(cachedModel(settings.cache, name), name.revision);
  if (cached && (settings.offline || isCommit(name.revision))) return cached;
  const info = await look(name, { cached, settings, options });
  if (!info) return cached!;
  try {
    return await downloadSnapshot(name, info, { settings, signal, onDownload });
  } catch (error) {
    signal?.throwIfAborted();
    throw diskError(error, settings.cache);
  }
}

interface Look {
  readonly cached: string | undefined;
  readonly settings: HubSettings;
  readonly options: ResolveOptions;
}

/** What the hub says of a model; undefined where it says nothing and an older download will do. */
async function look(name: HubName, { cached, settings, options }: Look): Promise<ModelInfo | undefined> {
  const { signal, onNote } = options;
  if (settings.offline) {
    const where = `there is no whole download of that name in the cache '${settings.cache}'`;
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
    onNote?.(`${message} What was downloaded before is used.`);
    return undefined;
  }
}
