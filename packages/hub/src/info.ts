import { isJson, type Json } from '@blip2/tensor';
import { transport } from '#transport';
import { HubError, refusal } from './errors.js';
import { type HubName, isCommit } from './name.js';
import { chunks, type RequestOptions, request } from './request.js';
import { withRetries } from './retry.js';

/** A revision of a model on the hub: its commit and the names of its files. */
export interface ModelInfo {
  readonly commit: string;
  readonly files: ReadonlySet<string>;
  /** What the hub states of its files, where it was asked for that. */
  readonly stated: ReadonlyMap<string, StatedFile>;
}

/** What the hub states of a file. */
export interface StatedFile {
  readonly size: number;
  /** The SHA-256 of a large file, the git blob hash of a small one. */
  readonly etag: string;
}

const { names } = transport;

const MAX_BYTES = 10_000_000;

/** Options of `modelInfo`. */
export interface InfoOptions extends Pick<RequestOptions, 'settings' | 'signal'> {
  /** How often the hub is asked. */
  readonly tries: number;
  /** Whether sizes and hashes of the files are asked for. Default false. */
  readonly blobs?: boolean;
}

/** Fetches the info of a model. @throws for a model that does not exist or cannot be accessed, and where the hub cannot be reached */
export async function modelInfo(
  { repo, revision }: HubName,
  { blobs = false, ...options }: InfoOptions,
): Promise<ModelInfo> {
  const { endpoint, token } = options.settings;
  const address = `${endpoint}/api/models/${repo}/revision/${encodeURIComponent(revision)}${blobs ? '?blobs=true' : ''}`;
  const json = await withRetries(async () => {
    const reply = await request(address, options);
    if (reply.response.status === 200) return parsed(await text(reply, options), endpoint);
    await reply.response.body?.cancel();
    throw refusal(reply.response, { endpoint, token, repo, revision });
  }, options);
  const { sha, siblings } = json;
  if (typeof sha !== 'string' || !isCommit(sha) || !Array.isArray(siblings)) throw invalid(endpoint);
  const files = siblings.map((file: unknown) => (isJson(file) ? file.rfilename : undefined));
  const stated = siblings.flatMap((file: unknown): [string, StatedFile][] => {
    const known = statedBy(file);
    return known ? [known] : [];
  });
  return { commit: sha, files: new Set(files.filter((file) => typeof file === 'string')), stated: new Map(stated) };
}

/** The size and hash that the info of a file has. */
function statedBy(file: unknown): [path: string, stated: StatedFile] | undefined {
  if (!isJson(file) || typeof file.rfilename !== 'string') return undefined;
  const large = isJson(file.lfs) ? file.lfs : undefined;
  const [size, etag] = [large?.size ?? file.size, large?.sha256 ?? file.blobId];
  const valid = Number.isSafeInteger(size) && typeof etag === 'string' && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(etag);
  return valid ? [file.rfilename, { size: size as number, etag: etag as string }] : undefined;
}

async function text(reply: Awaited<ReturnType<typeof request>>, options: RequestOptions): Promise<string> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const chunk of chunks(reply, options)) {
    length += chunk.length;
    if (length > MAX_BYTES) throw invalid(options.settings.endpoint);
    parts.push(chunk);
  }
  return new TextDecoder().decode(await new Blob(parts).arrayBuffer());
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
  new HubError(
    `${endpoint} does not answer as a model hub does; check ${names.endpoint}, and whether it requires a login.`,
  );
