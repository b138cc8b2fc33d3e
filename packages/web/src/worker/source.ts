import type { LoadOptions, PretrainedOptions, SourceOptions } from '@blip2/models';
import { memoryFolder } from '@blip2/tensor/files';

/** What a model is loaded from, as it is sent: a hub name or an address, a directory, or files by their paths. */
export type SentSource =
  | string
  | { readonly directory: FileSystemDirectoryHandle }
  | { readonly files: readonly (readonly [path: string, file: Blob])[] };

/** Options of loading, as they are sent. */
export interface LoadSettings
  extends Pick<LoadOptions, 'kind' | 'orient' | 'maxNewTokens'>,
    Pick<SourceOptions, 'hub'> {
  /**
   * What computes: `wasm`, `webgpu` where its results are those of WebAssembly, or `auto`, the faster of them. `info.backend.device` says
   * which it is, and why. Default `wasm`.
   */
  readonly device?: PretrainedOptions['device'] | undefined;
  /** Number of threads. Default: the cores, at most 4; one on a page that is not cross-origin isolated. */
  readonly threads?: number | undefined;
  /**
   * The address of the folder of models of `@blip2/starter`, where it was copied. Default: the package's own, which bundlers that know
   * `new URL(file, import.meta.url)` place.
   */
  readonly starter?: string | URL | undefined;
}

/** A source as models are loaded from it. */
export function receivedSource(source: SentSource | undefined) {
  if (source === undefined || typeof source === 'string') return source;
  return 'directory' in source ? source.directory : memoryFolder(source.files);
}
