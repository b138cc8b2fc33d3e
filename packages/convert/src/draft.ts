import type { TokenizerFiles } from '@blip2/data';
import type { ResolveOptions } from '@blip2/hub';
import type { LoadProgress } from '@blip2/models/folder';
import type { Json, WeightSource } from '@blip2/tensor';

/** How numbers are stored. */
export const dtypes = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const;
export type StoredDtype = keyof typeof dtypes;

export interface ConvertOptions extends ResolveOptions {
  /** The frozen image encoder of a LAVIS checkpoint, which the checkpoint leaves out: a file of LAVIS or a folder. */
  readonly vision?: string | undefined;
  /** The folder of the frozen language model of a LAVIS stage 2. */
  readonly language?: string | undefined;
  /** A folder with a tokenizer. Default: the language model's. */
  readonly tokenizer?: string | undefined;
  /** What is laid over the `config.json` that the weights show, such as numbers of heads. */
  readonly config?: Json | undefined;
  /** Default: half precision stays as it is, everything else becomes float32. */
  readonly dtype?: StoredDtype | undefined;
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
}

/** A model that is about to be written. */
export interface Draft {
  readonly source: WeightSource;
  readonly config: Json;
  /** More files of the folder, as parsed JSON by name. */
  readonly files: Readonly<Record<string, Json>>;
  readonly tokenizer?: TokenizerFiles;
}
