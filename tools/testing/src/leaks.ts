import * as tf from '@tensorflow/tfjs';

/** Fails when `body` leaves a number of tensors other than `kept` (default 0), or bytes, allocated. */
export async function expectNoLeak(body: () => unknown, kept = 0): Promise<void> {
  const before = tf.memory();
  await body();
  const after = tf.memory();
  if (after.numTensors - before.numTensors !== kept) {
    throw new Error(`${after.numTensors - before.numTensors} tensors were left alive instead of ${kept}.`);
  }
  if (kept === 0 && after.numBytes !== before.numBytes) {
    throw new Error(`${after.numBytes - before.numBytes} bytes were left alive.`);
  }
}
