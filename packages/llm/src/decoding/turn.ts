/**
 * Throws the signal's reason when it is aborted, after the event loop had a turn: backends that compute in the calling thread give
 * it none between two tokens, and what aborts (a key, a message, a closed connection) would be heard after the last one.
 */
export async function throwIfAborted(signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return;
  await turn();
  signal.throwIfAborted();
}

/** A turn of the event loop: without delay, where timers of browsers have one. */
function turn(): Promise<void> {
  if (typeof setImmediate === 'function') return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
