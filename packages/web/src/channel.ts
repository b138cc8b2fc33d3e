import type { ChannelOptions } from 'birpc';
import type { Endpoint } from './protocol.js';

/** The channel of an RPC over an endpoint, whose messages are structured clones. Calls have no time limit: models are slow. */
export function channelOf(endpoint: Endpoint): ChannelOptions & { readonly timeout: number } {
  let receiver: ((event: MessageEvent) => void) | undefined;
  return {
    post: (message) => endpoint.postMessage(message),
    on: (listener) => {
      receiver = ({ data }) => listener(data);
      endpoint.addEventListener('message', receiver);
    },
    off: () => {
      if (receiver) endpoint.removeEventListener('message', receiver);
    },
    timeout: -1,
  };
}
