import type { Transport } from '../transport.js';

/** A page cannot see redirects; the browser drops the token where one leads to another server. */
export const transport: Transport = {
  headers: {},
  redirect: 'follow',
  names: { token: 'hub.token', endpoint: 'hub.endpoint' },
};
