export { cachedModels, deleteModel, resolveModel } from '#store';
export { HubError } from './errors.js';
export type { CachedModel, DownloadProgress, ResolveOptions } from './options.js';
export { type HubSettings, hubSettings } from './settings.js';
