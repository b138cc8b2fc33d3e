import { isJson, type Json } from '@blip2/tensor';
import { HubError, refusal } from './errors.js';
import { type HubName, isCommit } from './name.js';
import { chunks, type RequestOptions, request } from './request.js';
import { withRetries } from './retry.js';

/** A revision of a model on the hub: its commit and the names of its files. */
export interface ModelInfo {
  readonly commit: string;
  readonly files: ReadonlySet<string>;
}

const MAX_BYTES = 10_000_000;

/** Fetches the info of a model. @throws for a model that does not exist or cannot be accessed, and where the hub cannot be reached */
export async function modelInfo(
  { repo, revision }: HubName,
  options: Pick<RequestOptions, 'settings' | 'signal'> & { readonly tries: number },
): Promise<ModelInfo> {
  const { endpoint, token } = options.settings;
  const address = `${endpoint}/api/models/${repo}/revision/${encodeURIComponent(revision)}`;
  const json = await withRetries(async () => {
    const reply = await request(address, options);
    if (reply.response.status === 200) return parsed(await text(reply, options), endpoint);
    await reply.response.body?.cancel();
    throw refusal(reply.response, { endpoint, token, repo, revision });
  }, options);
  const { sha, siblings } = json;
  if (typeof sha !== 'string' || !isCommit(sha) || !Array.isArray(siblings)) throw invalid(endpoint);
  const files = siblings.map((file: unknown) => (isJson(file) ? file.rfilename : undefined));
  return { commit: sha, files: new Set(files.filter((file) => typeof file === 'string')) };
}

async function text(reply: Awaited<ReturnType<typeof request>>, options: RequestOptions): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks(reply, options)) {
    length += chunk.length;
    if (length > MAX_BYTES) throw invalid(options.settings.endpoint);
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parsed(text: string, endpoint: string): Json {
  try {
    const json: unknown = JSON.parse(text);
    if (isJson(json)) return json;
  } catch {
    // reported below
  }
  throw invalid(endpoint);
}

const invalid = (endpoint: string): HubError =>
  new HubError(`${endpoint} does not answer as a model hub does; check HF_ENDPOINT, and whether it requires a login.`);
