import type { LoadOptions } from '@blip2/models';

/** What a model is loaded from, as it is sent: a hub name or an address. */
export type SentSource = string;

/** Where the model computes. */
export type Device = 'wasm';

/** Options of loading, as they are sent. */
export interface LoadSettings extends Pick<LoadOptions, 'kind' | 'orient' | 'maxNewTokens'> {
  /** Where the model computes. Default `wasm`. */
  readonly device?: Device | undefined;
  /** Number of threads. Default: the cores, at most 4; one on a page that is not cross-origin isolated. */
  readonly threads?: number | undefined;
}
