import {
  type FolderSource,
  isMounted,
  join,
  mountFolder,
  readJson,
  unmountFolder,
  urlFolder,
} from '@blip2/tensor/files';
import { HubError } from '../errors.js';
import { modelInfo } from '../info.js';
import { type HubName, hubName, nameOf } from '../name.js';
import type { ResolveOptions } from '../options.js';
import { request } from '../request.js';
import { ANY, type RequiredFile, requiredFiles, weightFiles } from '../required-files.js';
import { withRetries } from '../retry.js';
import { type HubSettings, hubSettings } from '../settings.js';
import { missingOf, type RemoteFile, type RemoteModel, storeModel } from './download.js';
import {
  isComplete,
  type ModelStore,
  modelFolder,
  openStore,
  readStored,
  removeStored,
  storedFolder,
} from './store.js';

/**
 * Resolves a model to a path, and downloads it where necessary: into the page's own storage (OPFS), only files that loading
 * needs, when they are missing or the server has newer ones. Where the server cannot be reached, an earlier download is used. Where
 * the storage has too little room, or the browser has none for this page, the path is that of the model on its server, from which
 * it is then read by ranges.
 * @param model a path in a mounted folder, which is returned as it is; a hub name, `org/name` or `org/name@revision`; or an address: a
 * URL, or a text that begins with `http://`, `https://`, `/`, `./` or `../`. A model at an address is stored only where
 * `beforeDownload` is given, which then shows what loading it reads
 * @throws HubError for a model that does not exist or cannot be accessed, without network, and for a file that does not match its
 * checksum
 */
export async function resolveModel(model: string | URL, options: ResolveOptions = {}): Promise<string> {
  if (typeof model === 'string' && isMounted(model)) return model;
  const address = addressOf(model);
  if (address) return resolveAddress(address, options);
  const name = hubName(String(model));
  if (name) return resolveName(name, options);
  throw new HubError(
    `'${model}' is neither the name of a model nor an address; give org/name, a URL, files or a directory.`,
  );
}

function addressOf(model: string | URL): URL | undefined {
  if (typeof model !== 'string') return model;
  return /^(https?:\/\/|\.{0,2}\/)/.test(model) ? new URL(model, location.href) : undefined;
}

const mounted = new Map<string, string>();

/** Mounts a model under its name, in place of what was mounted under it before. */
function mount(name: string, source: FolderSource, downloaded: boolean): string {
  const before = mounted.get(name);
  if (before !== undefined) unmountFolder(before);
  const root = mountFolder(source, { name: titleOf(name), downloaded });
  mounted.set(name, root);
  return root;
}

/** What a model is called in paths. */
const titleOf = (name: string): string => name.replace(/^https?:\/\//, '').replaceAll('/', '--');

async function resolveName(name: HubName, options: ResolveOptions): Promise<string> {
  const settings = hubSettings(options.hub);
  const title = nameOf(name);
  const store = await openStore();
  const folder = store && modelFolder(store, title);
  const stored = folder === undefined ? undefined : await readStored(folder);
  const earlier = stored && isComplete(stored) ? mount(title, storedFolder(folder!, stored), true) : undefined;
  if (settings.offline && earlier !== undefined) return earlier;
  if (settings.offline) throw new HubError(`'${title}' was not downloaded yet; load it once with a network.`);
  let remote: RemoteModel;
  try {
    remote = await onHub(name, { settings, options, tries: earlier === undefined ? 3 : 1 });
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof HubError) || earlier === undefined) throw error;
    options.onNote?.(`${error.message} The earlier download is used.`);
    return earlier;
  }
  const headers = settings.token ? { authorization: `Bearer ${settings.token}` } : {};
  const files = new Map(remote.files.map(({ path, address }) => [path, new URL(address)]));
  const source = urlFolder(new URL(settings.endpoint), { files, headers, signal: options.signal });
  return place({ model: remote, source, store, settings, options }, { folder: '', downloaded: true });
}

interface Lookup {
  readonly settings: HubSettings;
  readonly options: ResolveOptions;
  readonly tries: number;
}

/** Lists the files of a model on the hub that loading needs. */
async function onHub(name: HubName, { settings, options, tries }: Lookup): Promise<RemoteModel> {
  const { signal } = options;
  const { repo } = name;
  const { commit, files, stated } = await modelInfo(name, { settings, signal, tries, blobs: true });
  const { small, index } = requiredFiles(repo, files);
  const remoteOf = async ({ path, maxBytes }: RequiredFile): Promise<RemoteFile> => {
    const address = `${settings.endpoint}/${repo}/resolve/${commit}/${path}`;
    const { size, etag } = stated.get(path) ?? (await describe(address, options, settings));
    if (size === undefined || (maxBytes !== ANY && size > maxBytes)) {
      const what = size === undefined ? 'no size' : `${size.toLocaleString('en')} bytes`;
      throw new HubError(
        `${settings.endpoint} states ${what} for '${path}' of '${repo}', which is invalid; check the option 'endpoint'.`,
      );
    }
    return { path, address, size, ...(etag !== undefined && { etag }) };
  };
  const listed = await Promise.all([...small, ...(index ? [index] : [])].map(remoteOf));
  const weights = weightFiles(repo, files, index && (await readIndex(listed, index.path, { settings, options })));
  return { name: nameOf(name), files: [...listed, ...(await Promise.all(weights.map(remoteOf)))] };
}

/** Reads the index of shards on the hub. */
async function readIndex(
  files: readonly RemoteFile[],
  path: string,
  { settings, options }: Pick<Lookup, 'settings' | 'options'>,
) {
  const address = files.find((file) => file.path === path)!.address;
  const headers = settings.token ? { authorization: `Bearer ${settings.token}` } : {};
  const only = new Map([[path, new URL(address)]]);
  const root = mountFolder(urlFolder(new URL(settings.endpoint), { files: only, headers, signal: options.signal }));
  try {
    return await readJson(join(root, path));
  } finally {
    unmountFolder(root);
  }
}

/** Asks a server for the size and the etag of a file. */
async function describe(address: string, { signal }: ResolveOptions, settings: HubSettings) {
  const { response, etag, size } = await withRetries(() => request(address, { settings, signal, method: 'HEAD' }), {
    settings,
    signal,
    tries: 2,
  });
  if (response.ok) return { size, etag: etag ?? (response.headers.get('last-modified') || undefined) };
  throw new HubError(`${address} was answered with ${response.status}; check the address.`);
}

async function resolveAddress(url: URL, options: ResolveOptions): Promise<string> {
  const origin = new URL('/', url);
  const path = decodeURIComponent(url.pathname).replace(/^\/|\/$/g, '');
  const name = `${url.origin}/${path}`;
  if (!options.beforeDownload) return name;
  const settings = hubSettings(options.hub);
  const store = await openStore();
  const folder = store && modelFolder(store, name);
  const stored = folder === undefined ? undefined : await readStored(folder);
  if (stored && isComplete(stored) && (await isCurrent(origin, stored.files, { settings, options }))) {
    return join(mount(name, storedFolder(folder!, stored), false), path);
  }
  const seen = new Set<string>();
  const source = recorded(urlFolder(origin, { signal: options.signal }), seen);
  const root = mountFolder(source, { name: url.hostname });
  try {
    await options.beforeDownload(join(root, path));
  } finally {
    unmountFolder(root);
  }
  const files: RemoteFile[] = [];
  for (const one of seen) {
    const address = new URL(one.split('/').map(encodeURIComponent).join('/'), origin).href;
    const { size, etag } = await describe(address, options, settings);
    if (size !== undefined) files.push({ path: one, address, size, ...(etag !== undefined && { etag }) });
  }
  const whole = files.length === seen.size ? store : undefined; // what states no size is not stored
  const checked = { ...options, beforeDownload: undefined };
  return place(
    { model: { name, files }, source, store: whole, settings, options: checked },
    { folder: path, downloaded: false },
  );
}

/** Notes the files that are opened. */
function recorded(source: FolderSource, seen: Set<string>): FolderSource {
  return {
    status: async (path) => {
      const found = await source.status(path);
      if (found?.kind === 'file') seen.add(path);
      return found;
    },
    open: (path) => source.open(path),
  };
}

/** Whether the files at an address are those that were stored; also where it cannot be reached, and then a note says so. */
async function isCurrent(
  origin: URL,
  files: Readonly<Record<string, { size: number; etag?: string | undefined }>>,
  { settings, options }: Pick<Lookup, 'settings' | 'options'>,
): Promise<boolean> {
  if (settings.offline) return true;
  try {
    const same = await Promise.all(
      Object.entries(files).map(async ([path, file]) => {
        const address = new URL(path.split('/').map(encodeURIComponent).join('/'), origin).href;
        const { response, etag, size } = await request(address, { settings, signal: options.signal, method: 'HEAD' });
        const tag = etag ?? (response.headers.get('last-modified') || undefined);
        return response.ok && size === file.size && tag === file.etag;
      }),
    );
    return same.every(Boolean);
  } catch (error) {
    options.signal?.throwIfAborted();
    options.onNote?.(`${(error as Error).message} The earlier download is used.`);
    return true;
  }
}

interface Placing {
  readonly model: RemoteModel;
  /** The files on their server. */
  readonly source: FolderSource;
  readonly store: ModelStore | undefined;
  readonly settings: HubSettings;
  readonly options: ResolveOptions;
}

interface Within {
  /** The path of the model's folder among the files. */
  readonly folder: string;
  readonly downloaded: boolean;
}

/** Stores a model and gives its path there; where that is not possible, gives its path on its server, with a note. */
async function place(
  { model, source, store, settings, options }: Placing,
  { folder, downloaded }: Within,
): Promise<string> {
  const { name } = model;
  const { onNote: note = console.warn, signal, onDownload, beforeDownload } = options;
  const remote = (why: string): string => {
    note(`${name} is not kept for the next time: ${why}. It is read from its server, tensor by tensor.`);
    return join(mount(name, source, downloaded), folder);
  };
  const target = store && modelFolder(store, name);
  const missing = target === undefined ? undefined : await missingOf(target, model);
  if (missing?.missing.length !== 0 && beforeDownload) {
    const root = mountFolder(source, { name: titleOf(name), downloaded });
    await beforeDownload(join(root, folder)).finally(() => unmountFolder(root));
  }
  if (!store || target === undefined || !missing) return remote('this browser has no storage for this page');
  const free = await store.free();
  if (missing.bytes > free)
    return remote(`it needs ${megabytes(missing.bytes)}, and ${megabytes(free)} are left for this page`);
  try {
    const stored = await store.alone(name, () => storeModel(target, model, { settings, signal, onDownload }));
    return join(mount(name, storedFolder(target, stored), downloaded), folder);
  } catch (error) {
    signal?.throwIfAborted();
    if ((error as { code?: string }).code !== 'ENOSPC') throw error;
    await removeStored(store, name);
    return remote('the storage of this page is full');
  }
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toLocaleString('en', { maximumFractionDigits: 1 })} MB`;
