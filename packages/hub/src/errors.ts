import { transport } from '#transport';

const { names } = transport;

/** An error of the hub or its cache, in one sentence. */
export class HubError extends Error {
  override readonly name: string = 'HubError';
}

/** An error after which a retry may succeed: a broken connection, a busy server. */
export class TransientError extends HubError {
  override readonly name = 'TransientError';
  /** Milliseconds to wait as requested by the server. */
  readonly wait: number | undefined;

  constructor(message: string, options: ErrorOptions & { wait?: number | undefined } = {}) {
    super(message, options);
    this.wait = options.wait;
  }
}

/** A downloaded file does not have the expected size or checksum. */
export class WrongFileError extends HubError {
  override readonly name = 'WrongFileError';
}

const networkReasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name is unknown',
  EAI_AGAIN: 'its name cannot be looked up',
  ECONNREFUSED: 'it refuses the connection',
  ECONNRESET: 'the connection was closed',
  EPIPE: 'the connection was closed',
  ETIMEDOUT: 'it does not answer',
  ENETUNREACH: 'there is no network',
  EHOSTUNREACH: 'there is no route to it',
  UND_ERR_SOCKET: 'the connection was closed',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer',
};

/** Says why a request failed. */
export function networkReason(error: unknown): string {
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } };
  return networkReasons[cause?.code ?? ''] ?? (cause?.message || cause?.code || message);
}

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space, or set HF_HOME to a folder on another disk',
  EDQUOT: 'the disk quota is used up; free some space, or set HF_HOME to a folder on another disk',
  EACCES: 'permission denied; set HF_HOME to a folder that you may write to',
  EPERM: 'permission denied; set HF_HOME to a folder that you may write to',
  EROFS: 'the disk is read-only; set HF_HOME to a folder that you may write to',
  ENOTDIR: 'a part of its path is not a folder; set HF_HOME to another folder',
  EEXIST: 'a part of its path is not a folder; set HF_HOME to another folder',
};

/** Turns an error of the file system into a HubError; other errors are returned unchanged. */
export function diskError(error: unknown, cache: string): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  const why = reasons[code] ?? `${code}; check the disk`;
  return new HubError(`The cache '${cache}' cannot be written to: ${why}.`, { cause: error });
}

/** What was requested, for errors. */
export interface RequestedFile {
  readonly endpoint: string;
  readonly token?: string | undefined;
  readonly repo: string;
  readonly revision: string;
  /** Absent when the model itself was requested. */
  readonly file?: string | undefined;
}

/** Turns a status of the hub (401, 403, 404 and others) into an error that says what to do. */
export function refusal(
  { status, headers }: Response,
  { endpoint, token, repo, revision, file }: RequestedFile,
): HubError {
  const code = headers.get('x-error-code') ?? '';
  const page = `${endpoint}/${repo}`;
  const refused = status === 401 || status === 403;
  if (code === 'GatedRepo') {
    const then = token
      ? `with the account that ${names.token} belongs to`
      : `and set ${names.token} to a token of your account`;
    return new HubError(`'${repo}' is only for those who accept its terms; do so at ${page} ${then}.`);
  }
  if (code === 'RevisionNotFound') {
    return new HubError(`'${repo}' has no revision '${revision}'; see ${page} for its branches and tags.`);
  }
  if (code === 'EntryNotFound' || (status === 404 && file !== undefined)) {
    return new HubError(`'${repo}' has no file '${file}'; see ${page} for what it holds.`);
  }
  if (status === 404 || code === 'RepoNotFound' || (refused && !token)) {
    const may = token ? `whether ${names.token} may read it` : `set ${names.token} if it is a private one`;
    return new HubError(`There is no model '${repo}' on ${endpoint}, or it is not public; check the name, or ${may}.`);
  }
  if (refused) {
    return new HubError(
      `${endpoint} refuses ${names.token} for '${repo}' (${status}); set it to a token that may read it.`,
    );
  }
  const what = file === undefined ? `'${repo}'` : `'${file}' of '${repo}'`;
  return new HubError(`${endpoint} answers ${status} for ${what}; try again later or check ${names.endpoint}.`);
}
