/** Lets the event loop run once, so that an abort takes effect. @throws the signal's reason when it is aborted */
export async function throwIfAborted(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  signal.throwIfAborted();
}
