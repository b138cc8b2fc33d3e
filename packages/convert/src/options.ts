import type { TokenizerFiles } from '@blip2/data';
import type { ResolveOptions } from '@blip2/hub';
import type { LoadProgress, Quantization } from '@blip2/models/folder';
import type { Json, WeightSource } from '@blip2/tensor';

/** The dtypes that weights can be stored in, by their names in options. */
export const dtypes = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const;
/** A dtype that weights can be stored in. */
export type StoredDtype = keyof typeof dtypes;

/** Options of `convertModel`. */
export interface ConvertOptions extends ResolveOptions {
  /** The frozen image encoder, which a LAVIS checkpoint does not hold: LAVIS' file of it, a folder, or a hub name. */
  readonly vision?: string | URL | undefined;
  /** The folder or hub name of the frozen language model of a LAVIS checkpoint of stage 2. */
  readonly language?: string | URL | undefined;
  /** A folder or hub name with the tokenizer. Default: the language model's. */
  readonly tokenizer?: string | URL | undefined;
  /** Keys that override the inferred `config.json`, also within its parts; such as numbers of heads. */
  readonly config?: Json | undefined;
  /** The dtype of all weights. Default: half precision is kept, everything else becomes float32. */
  readonly dtype?: StoredDtype | undefined;
  /**
   * Packs the matrices of the frozen parts, image encoder and language model: `int8`, `int4` or `f16`, which they stay in
   * memory; see the folder's `quantization_config`. Default: nothing is packed that is not yet.
   */
  readonly quantize?: Quantization | undefined;
  /** With `quantize`: names of matrices that stay float32, such as `lm_head` or `layers.0.fc1`. Default: none more than usual. */
  readonly keep?: readonly string[] | undefined;
  /** Called after each tensor. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
}

/** The contents of a model folder that is written. */
export interface ModelFiles {
  readonly source: WeightSource;
  /** `config.json` */
  readonly config: Json;
  /** Other JSON files of the folder by name. */
  readonly files: Readonly<Record<string, Json>>;
  readonly tokenizer?: TokenizerFiles;
}
