/**
 * Throws the signal's reason when it is aborted, after the event loop has run once: with backends that compute in the calling
 * thread it does not run between two tokens, and an abort (a key, a message, a closed connection) would take effect after the last.
 */
export async function throwIfAborted(signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return;
  await yieldToEventLoop();
  signal.throwIfAborted();
}

/** Lets the event loop run once, without the delay of browsers' timers. */
function yieldToEventLoop(): Promise<void> {
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
