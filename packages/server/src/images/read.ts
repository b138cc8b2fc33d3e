import type { ImageBytes } from '../engine/task.js';
import { ApiError } from '../http/errors.js';
import { fetchImage, type RemoteOptions } from './remote.js';

/** How the images of a request are read. */
export interface ImageOptions extends RemoteOptions {
  /** Whether images are fetched by http and https. */
  readonly allowRemote: boolean;
}

/**
 * Reads an image from a data URL, or from the web where that is allowed. Whether the bytes are an image is found when they are decoded.
 * @throws ApiError 400 for another address
 */
export async function readImage(url: string, options: ImageOptions): Promise<ImageBytes> {
  if (/^data:/i.test(url.slice(0, 5))) return dataUrl(url);
  if (!/^https?:/i.test(url.slice(0, 6))) {
    throw wrong("An image is given as a data URL, 'data:image/png;base64,…'.");
  }
  if (options.allowRemote) return fetchImage(url, options);
  throw wrong('This server fetches no images; send a data URL, or start it with --allow-remote.');
}

/** The longest beginning of a data URL, before its comma. */
const HEADER = 200;

function dataUrl(url: string): ImageBytes {
  const comma = url.slice(0, HEADER).indexOf(',');
  if (comma < 0) throw wrong("A data URL has a comma before its data: 'data:image/png;base64,…'.");
  if (!/;base64$/i.test(url.slice(0, comma)))
    throw wrong("A data URL of an image is in base64: 'data:image/png;base64,…'.");
  const bytes = Buffer.from(url.slice(comma + 1), 'base64');
  if (bytes.length === 0) throw wrong('The image of a data URL is empty.');
  return bytes;
}

const wrong = (message: string): ApiError => new ApiError(400, message, { code: 'invalid_image_url' });
