import { type DecodedImage, type DecodeOptions, decodeImage, type ImageTextItem, type SkippedItem } from '@blip2/data';

/** Options of {@link decodeItem}. */
export interface DecodeItemOptions extends DecodeOptions {
  /** Called where the image cannot be read or decoded. */
  readonly onSkip?: ((skipped: SkippedItem) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads and decodes the image of an item to 8-bit RGB, as `decodeImage` does.
 * @returns undefined for an image that cannot be read or decoded, after `onSkip` was called with the reason
 * @throws the reason of `signal` where it is aborted
 */
export async function decodeItem(
  item: ImageTextItem,
  { onSkip, signal, ...options }: DecodeItemOptions = {},
): Promise<DecodedImage | undefined> {
  try {
    const bytes = await item.read(signal);
    return await decodeImage(bytes, options);
  } catch (error) {
    signal?.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    onSkip?.({ id: item.id, reason: message.replace(/^An image given as bytes/, 'the image') });
    return undefined;
  }
}
