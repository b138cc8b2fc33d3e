/** What an {@link ApiError} reports besides its message. */
export interface ApiErrorOptions {
  /** A word for programs, such as `model_not_found`. */
  readonly code?: string;
  /** The field of the request that is wrong. */
  readonly param?: string;
  /** Seconds after which the request may be sent again. */
  readonly retryAfter?: number;
  /** Whether the connection is closed after the answer, because the rest of the request is not read. */
  readonly close?: boolean;
}

/** What is wrong with a request, with the status of the answer. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly options: ApiErrorOptions;

  constructor(status: number, message: string, options: ApiErrorOptions = {}) {
    super(message);
    this.status = status;
    this.options = options;
  }

  /** The answer, in the shape of OpenAI's errors. */
  toResponse(): Response {
    const { status, message, options } = this;
    const { code = null, param = null, retryAfter, close } = options;
    return Response.json(errorBody({ message, status, param, code }), {
      status,
      headers: {
        ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
        ...(close && { Connection: 'close' }),
        ...(status === 401 && { 'WWW-Authenticate': 'Bearer' }),
      },
    });
  }
}

interface ErrorFields {
  readonly message: string;
  readonly status: number;
  readonly param?: string | null;
  readonly code?: string | null;
}

/** The body of an error, as OpenAI's clients read it. */
export const errorBody = ({ message, status, param = null, code = null }: ErrorFields) => ({
  error: { message, type: status < 500 ? 'invalid_request_error' : 'server_error', param, code },
});

/** The status with which a request is recorded whose client closed the connection. */
export const CLIENT_CLOSED = 499;

/** Why the computation for a request was stopped. */
export class ClientClosed extends Error {
  override readonly name = 'ClientClosed';
}
