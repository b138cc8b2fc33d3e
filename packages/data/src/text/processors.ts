const REMOVED = /[.!"()*#:;~]/g;

function firstWords(text: string, maxWords: number): string {
  return text.split(' ').slice(0, maxWords).join(' ');
}

export interface CaptionOptions {
  /** Stands in front of the result, `''` or `'a photo of '`. */
  readonly prompt?: string;
  readonly maxWords?: number;
}

/** LAVIS' `blip_caption` (spec 5.2): lower case, `. ! " ( ) * # : ; ~` become spaces, 50 words, then the prompt. */
export function captionProcessor(text: string, { prompt = '', maxWords = 50 }: CaptionOptions = {}): string {
  const cleaned = text
    .toLowerCase()
    .replace(REMOVED, ' ')
    .replace(/\s{2,}/g, ' ');
  const stripped = cleaned.replace(/\n+$/, '').replace(/^ +| +$/g, '');
  return prompt + firstWords(stripped, maxWords);
}

/** LAVIS' `blip_question` (spec 5.2): lower case, the same characters deleted, 50 words. `?` is kept. */
export function questionProcessor(text: string, { maxWords = 50 }: { readonly maxWords?: number } = {}): string {
  return firstWords(text.toLowerCase().replace(REMOVED, '').replace(/ +$/, ''), maxWords);
}
