const REMOVED = /[.!"()*#:;~]/g;

function firstWords(text: string, maxWords: number): string {
  return text.split(' ').slice(0, maxWords).join(' ');
}

/** Options of {@link captionProcessor}. */
export interface CaptionOptions {
  /** Text put in front of the result, such as `'a photo of '`. Default `''`. */
  readonly prompt?: string;
  /** Largest number of words of the caption. Default 50. */
  readonly maxWords?: number;
}

/**
 * Normalizes a caption as LAVIS' `blip_caption` does: lower case, `. ! " ( ) * # : ; ~` replaced by spaces, truncated to
 * 50 words, the prompt in front.
 */
export function captionProcessor(text: string, { prompt = '', maxWords = 50 }: CaptionOptions = {}): string {
  const cleaned = text
    .toLowerCase()
    .replace(REMOVED, ' ')
    .replace(/\s{2,}/g, ' ');
  const stripped = cleaned.replace(/\n+$/, '').replace(/^ +| +$/g, '');
  return prompt + firstWords(stripped, maxWords);
}

/**
 * Normalizes a question as LAVIS' `blip_question` does: lower case, `. ! " ( ) * # : ; ~` deleted, truncated to 50
 * words. `?` is kept.
 */
export function questionProcessor(text: string, { maxWords = 50 }: { readonly maxWords?: number } = {}): string {
  return firstWords(text.toLowerCase().replace(REMOVED, '').replace(/ +$/, ''), maxWords);
}
