import * as tf from '@tensorflow/tfjs';
import { readPieces } from '../file-system/read-pieces.js';
import { lentTensor } from '../lent.js';
import { runNamed } from '../ops/named.js';
import { packedBytes } from './formats.js';
import { QuantizedMatrix } from './matrix.js';
import type { StoredMatrix } from './stored-matrix.js';

const PIECE = 8 * 2 ** 20;

/**
 * Loads a packed matrix from a file; the caller owns it. Where the current backend lends its memory (`Lend`), the bytes are read to
 * where they stay; where it has `Uninitialized` and `WriteBytes`, they go there piece by piece. There is never a second copy of the whole.
 * @throws what reading throws
 */
export async function loadQuantized(stored: StoredMatrix): Promise<QuantizedMatrix> {
  const { format, shape } = stored;
  const factors = await stored.scales?.();
  const words = await loadWords(stored, packedBytes(format, shape));
  const scales = factors && tf.tensor1d(factors);
  return new QuantizedMatrix({ format, shape, words, scales });
}

/** int32 [W] */
async function loadWords(stored: StoredMatrix, bytes: number): Promise<tf.Tensor> {
  const count = Math.ceil(bytes / 4);
  const lent = stored.outside ? undefined : lentTensor([count], 'int32');
  if (lent) {
    await readPieces(lent.bytes.subarray(0, bytes), (part, begin) => stored.read(part, begin)).catch((error) => {
      lent.tensor.dispose();
      throw error;
    });
    return lent.tensor;
  }
  const [words] = stored.outside ? [] : (runNamed('Uninitialized', {}, { shape: [count], dtype: 'int32' }) ?? []);
  if (!words) {
    const all = new Int32Array(count);
    await stored.read(new Uint8Array(all.buffer, 0, bytes), 0);
    const [outside] = stored.outside ? (runNamed('Outside', {}, { words: all, shape: [count] }) ?? []) : [];
    return outside ?? tf.tensor1d(all, 'int32');
  }
  try {
    const piece = takePiece();
    for (let at = 0; at < bytes; at += PIECE) {
      const part = piece.subarray(0, Math.min(PIECE, bytes - at));
      await stored.read(part, at);
      tf.dispose(runNamed('WriteBytes', { x: words }, { bytes: part, at }));
    }
    spare = piece;
    return words;
  } catch (error) {
    words.dispose();
    throw error;
  }
}

/** The last piece that was read into, as garbage of that size would add up. */
let spare: Uint8Array | undefined;

function takePiece(): Uint8Array {
  const piece = spare ?? new Uint8Array(PIECE);
  spare = undefined;
  return piece;
}
