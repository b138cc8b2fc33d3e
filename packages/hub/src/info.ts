import { isJson, type Json } from '@blip2/tensor';
import { HubError, refusal } from './errors.js';
import { type HubName, isCommit } from './name.js';
import { ask, chunks, type Question } from './request.js';
import { retrying } from './retry.js';

/** A revision of a model on the hub: its commit and the names of its files. */
export interface ModelInfo {
  readonly commit: string;
  readonly files: ReadonlySet<string>;
}

const MOST = 10_000_000;

/** Asks the hub for a model. @throws for a model that is not there or may not be read, and when the hub is away */
export async function modelInfo(
  { repo, revision }: HubName,
  options: Pick<Question, 'settings' | 'signal'> & { readonly tries: number },
): Promise<ModelInfo> {
  const { endpoint, token } = options.settings;
  const address = `${endpoint}/api/models/${repo}/revision/${encodeURIComponent(revision)}`;
  const json = await retrying(async () => {
    const answer = await ask(address, options);
    if (answer.response.status === 200) return small(await text(answer, options), endpoint);
    await answer.response.body?.cancel();
    throw refusal(answer.response, { endpoint, token, repo, revision });
  }, options);
  const { sha, siblings } = json;
  if (typeof sha !== 'string' || !isCommit(sha) || !Array.isArray(siblings)) throw strange(endpoint);
  const files = siblings.map((file: unknown) => (isJson(file) ? file.rfilename : undefined));
  return { commit: sha, files: new Set(files.filter((file) => typeof file === 'string')) };
}

async function text(answer: Awaited<ReturnType<typeof ask>>, question: Question): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks(answer, question)) {
    length += chunk.length;
    if (length > MOST) throw strange(question.settings.endpoint);
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString('utf8');
}

function small(text: string, endpoint: string): Json {
  try {
    const json: unknown = JSON.parse(text);
    if (isJson(json)) return json;
  } catch {
    // said below
  }
  throw strange(endpoint);
}

const strange = (endpoint: string): HubError =>
  new HubError(
    `${endpoint} does not answer as a hub of models does; check HF_ENDPOINT and whether a login is asked for.`,
  );
