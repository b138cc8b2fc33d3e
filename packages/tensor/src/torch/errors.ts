import { FileError, reason } from '../safetensors/errors.js';

/** What is wrong with a file of PyTorch, where, and what to do about it. */
export class TorchError extends FileError {
  override readonly name = 'TorchError';
}

export const AGAIN = 'the file is damaged or was not written by torch.save: download or write it again';

/** Any error of reading as a {@link TorchError}. */
export function asTorchError(file: string, cause: unknown): TorchError {
  if (cause instanceof TorchError) return cause;
  if (cause instanceof FileError) return new TorchError(file, cause.problem, cause.remedy, { cause });
  return new TorchError(file, `it cannot be opened: ${reason(cause)}`, 'check the path', { cause });
}
