/** How requests are sent on a platform. */
export interface Transport {
  /** Headers of every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** `manual` where redirects are followed here, which shows what each answer on the way states. */
  readonly redirect: 'manual' | 'follow';
  /** What token and address of the hub are called in messages. */
  readonly names: { readonly token: string; readonly endpoint: string };
}
