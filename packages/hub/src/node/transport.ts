import type { Transport } from '../transport.js';

/** Redirects are followed by hand: the hub states etag and size before it redirects to its storage. */
export const transport: Transport = {
  headers: { 'accept-encoding': 'identity', 'user-agent': 'blip2' },
  redirect: 'manual',
  names: { token: 'HF_TOKEN', endpoint: 'HF_ENDPOINT' },
};
