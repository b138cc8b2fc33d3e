/** What a server accepts, and how long it waits. */
export interface Limits {
  /** The most bytes of a request's body, base64 of its images included. Default 32 MiB. */
  readonly bodyBytes: number;
  /** The most bytes of all bodies that are received or waiting. Default 512 MiB. */
  readonly bytesInFlight: number;
  /** The most images and texts of a request. Default 64. */
  readonly items: number;
  /** The most pixels of an image, by its header. Default 50 million. */
  readonly pixels: number;
  /** The most new tokens of a text. Default 256. */
  readonly newTokens: number;
  /** The most beams, and texts that are returned for one image. Default 16. */
  readonly beams: number;
  /** The most requests that wait for the model. Default 64. */
  readonly queue: number;
  /** The most requests that are computed as one batch. Default 8. */
  readonly batch: number;
  /** The most connections. Default 1024. */
  readonly connections: number;
  /** Seconds within which the headers of a request must come. Default 10. */
  readonly headerSeconds: number;
  /** Seconds within which the body of a request must come. Default 30. */
  readonly bodySeconds: number;
  /** Seconds within which a request must be answered, waiting included. Default 120. */
  readonly requestSeconds: number;
  /** Seconds within which an image must be fetched. Default 10. */
  readonly fetchSeconds: number;
  /** Seconds that requests have to end when the server is closed. Default 10. */
  readonly shutdownSeconds: number;
}

/** The limits of a server that sets none. */
export const defaultLimits: Limits = {
  bodyBytes: 32 * 2 ** 20,
  bytesInFlight: 512 * 2 ** 20,
  items: 64,
  pixels: 50_000_000,
  newTokens: 256,
  beams: 16,
  queue: 64,
  batch: 8,
  connections: 1024,
  headerSeconds: 10,
  bodySeconds: 30,
  requestSeconds: 120,
  fetchSeconds: 10,
  shutdownSeconds: 10,
};
