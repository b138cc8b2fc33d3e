export type { DecodedImage } from '@blip2/data';

/** A fixed list of items, each made when it is asked for. */
export interface Dataset<T> {
  readonly length: number;
  item(index: number): T;
}
