import type { HubSettings } from './settings.js';

/** The progress of a download, in bytes of all missing files. */
export interface DownloadProgress {
  /** The file that is downloaded now. */
  readonly file: string;
  readonly done: number;
  readonly total: number;
}

/** Options of `resolveModel`. */
export interface ResolveOptions {
  /** Settings that take precedence over the environment variables. */
  readonly hub?: Partial<HubSettings> | undefined;
  /** Stops a download: the call then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called during a download with the bytes so far and in total. */
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
  /**
   * Called with messages for the user, such as that the hub cannot be reached and an earlier download is used. Default: none is shown, but
   * in a page that a model is not kept for the next time.
   */
  readonly onNote?: ((text: string) => void) | undefined;
  /**
   * In a page, called with the path of a model's folder on its server before its weights are downloaded: what it throws ends the
   * call. Only what it reads is requested. Not called in Node.
   */
  readonly beforeDownload?: ((folder: string) => Promise<void>) | undefined;
}

/** A model that was downloaded completely. */
export interface CachedModel {
  /** `org/name`, with `@revision` where it is not `main`; in a page also the address of a model that is on no hub. */
  readonly name: string;
  /** Bytes of its files. */
  readonly bytes: number;
}
