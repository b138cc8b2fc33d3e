import { environment, homeFolder, join, resolve } from '@blip2/tensor/files';
import { transport } from '#transport';

/** Where models are downloaded from and cached. */
export interface HubSettings {
  /** The address of the hub, without a trailing slash. */
  readonly endpoint: string;
  /** The access token; sent to the endpoint only. */
  readonly token?: string | undefined;
  /** The cache folder, which holds `models--ORG--NAME`; unused in a page, whose own storage has the models. */
  readonly cache: string;
  /** Never use the network. */
  readonly offline: boolean;
  /** Milliseconds before the first retry; each further delay is twice as long. */
  readonly retryDelay: number;
  /** Milliseconds without a byte after which a connection counts as broken. */
  readonly stallTimeout: number;
}

const { names } = transport;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the settings from the environment variables of `huggingface_hub`: `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_CACHE`,
 * `HF_HOME`, `XDG_CACHE_HOME`, `HF_HUB_OFFLINE`.
 * @param given settings that take precedence
 * @throws for an endpoint that is not an http address, and for an invalid token
 */
export function hubSettings(given: Partial<HubSettings> = {}, env: Environment = environment()): HubSettings {
  const home = env.HF_HOME || join(env.XDG_CACHE_HOME || '~/.cache', 'huggingface');
  const cache = env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(home, 'hub');
  const settings = {
    offline: isTrue(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE),
    retryDelay: 500,
    stallTimeout: 30_000,
    ...given,
  };
  return {
    ...settings,
    token: tokenOf('token' in given ? given.token : env.HF_TOKEN),
    endpoint: endpointOf(given.endpoint ?? (env.HF_ENDPOINT || 'https://huggingface.co')),
    cache: resolve((given.cache ?? cache).replace(/^~(?=$|[\\/])/, homeFolder())),
  };
}

const isTrue = (text = ''): boolean => /^(1|on|yes|true)$/i.test(text);

/** Checks the token, which becomes part of a header, without ever printing it. */
function tokenOf(text = ''): string | undefined {
  const token = text.trim();
  if (/^[!-~]*$/.test(token)) return token || undefined;
  throw new Error(`${names.token} contains invalid characters; set it again.`);
}

function endpointOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.username || url?.password)
    throw new Error(`${names.endpoint} contains a user name or a password; leave them out.`);
  if (url && /^https?:$/.test(url.protocol)) return text.replace(/\/+$/, '');
  throw new Error(`The hub's address '${text}' is not an http or https address; correct or unset ${names.endpoint}.`);
}
