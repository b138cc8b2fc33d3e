import { type Json, numberOf } from '../json.js';

export interface ImageTokens {
  /** What Hugging Face's processor puts in an image's place: as many ids as there are queries. */
  readonly ids: readonly number[];
  /** Ids without the image tokens in front. */
  strip(ids: readonly number[]): number[];
  /** Which columns of a row are left then. */
  count(ids: readonly number[]): number;
}

/** @param json the folder's config.json; older ones have no image token */
export function imageTokens(json: Json, queries: number): ImageTokens {
  const key = json.image_token_index === undefined ? 'image_token_id' : 'image_token_index';
  const id = json[key] === undefined || json[key] === null ? undefined : numberOf(json, key);
  const ids = id === undefined ? [] : new Array<number>(queries).fill(id);
  const count = (row: readonly number[]): number => {
    const first = row.findIndex((one) => one !== id);
    const found = first < 0 ? row.length : first;
    if (found !== 0 && found !== queries) throw new Error(`A prompt has ${found} image tokens, not ${queries}.`);
    return found;
  };
  return { ids, count, strip: (row) => row.slice(count(row)) };
}
