/** An RGB picture of 8 bits a channel: `data` is `[height,width,3]`. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** A fixed list of items, each made when it is asked for. */
export interface Dataset<T> {
  readonly length: number;
  item(index: number): T;
}
