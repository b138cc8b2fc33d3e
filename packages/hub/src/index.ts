export { HubError } from './errors.js';
export { type ResolveOptions, resolveModel } from './resolve.js';
export { type HubSettings, hubSettings } from './settings.js';
export type { DownloadProgress } from './snapshot.js';
