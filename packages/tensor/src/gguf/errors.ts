import { FileError } from '../safetensors/errors.js';

/** Thrown for a GGUF file that is malformed, or that cannot be read. */
export class GgufError extends FileError {
  override readonly name = 'GgufError';
}

/** What to do with a damaged file. */
export const AGAIN = 'the file is damaged or not GGUF: download it again';
