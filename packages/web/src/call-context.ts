/** What a method is given beside its arguments. */
export interface CallContext {
  /** Stops the call. */
  readonly signal: AbortSignal;
  /** Reports an event to the page. */
  emit(name: string, value: unknown): void;
}
