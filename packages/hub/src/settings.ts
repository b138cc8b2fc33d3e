import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Where models come from and where they are kept. */
export interface HubSettings {
  /** Address of the hub, without a slash at its end. */
  readonly endpoint: string;
  /** Sent to the endpoint alone. */
  readonly token?: string | undefined;
  /** The folder that holds `models--ORG--NAME`. */
  readonly cache: string;
  /** Never ask the network. */
  readonly offline: boolean;
  /** Milliseconds before the first new try; each further one waits twice as long. */
  readonly backOff: number;
  /** Milliseconds without a byte after which a connection counts as cut. */
  readonly stall: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Settings as Hugging Face's own library reads them: `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_CACHE`, `HF_HOME`,
 * `XDG_CACHE_HOME`, `HF_HUB_OFFLINE`.
 * @throws for an endpoint that is no address
 */
export function hubSettings(given: Partial<HubSettings> = {}, env: Environment = process.env): HubSettings {
  const home = env.HF_HOME || join(env.XDG_CACHE_HOME || '~/.cache', 'huggingface');
  const cache = env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(home, 'hub');
  const settings = {
    offline: isTrue(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE),
    backOff: 500,
    stall: 30_000,
    ...given,
  };
  return {
    ...settings,
    token: tokenOf('token' in given ? given.token : env.HF_TOKEN),
    endpoint: endpointOf(given.endpoint ?? (env.HF_ENDPOINT || 'https://huggingface.co')),
    cache: resolve((given.cache ?? cache).replace(/^~(?=$|[\\/])/, homedir())),
  };
}

const isTrue = (text = ''): boolean => /^(1|on|yes|true)$/i.test(text);

/** It goes into a header; it is never shown. */
function tokenOf(text = ''): string | undefined {
  const token = text.trim();
  if (/^[!-~]*$/.test(token)) return token || undefined;
  throw new Error('HF_TOKEN holds characters that no token has; set it again.');
}

function endpointOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.username || url?.password) throw new Error('HF_ENDPOINT holds a user or a password; leave them out.');
  if (url && /^https?:$/.test(url.protocol)) return text.replace(/\/+$/, '');
  throw new Error(`The hub's address '${text}' is no http or https address; correct or unset HF_ENDPOINT.`);
}
