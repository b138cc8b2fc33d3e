import { FileError, reason } from '../safetensors/errors.js';

/** Thrown for a PyTorch checkpoint that is malformed, refused, or that cannot be read. */
export class TorchError extends FileError {
  override readonly name = 'TorchError';
}

export const AGAIN = 'the file is damaged or was not written by torch.save: download or write it again';

/** Converts any error of reading to a {@link TorchError}. */
export function asTorchError(file: string, cause: unknown): TorchError {
  if (cause instanceof TorchError) return cause;
  if (cause instanceof FileError) return new TorchError(file, cause.problem, cause.remedy, { cause });
  return new TorchError(file, `it cannot be opened: ${reason(cause)}`, 'check the path', { cause });
}
