/** What is measured in one go: steps of stage 1. */
export interface Job {
  readonly model: Model;
  /** Pairs of a step, of all processes together. */
  readonly batch: number;
  /** Steps that count, and those before them that do not. */
  readonly steps: number;
  readonly warm: number;
  readonly processes: number;
  /** Threads of each process. */
  readonly threads: number;
  /** Whether gradients are reduced while others are computed. */
  readonly hide: boolean;
}

/** The sizes of a Q-Former and its inputs. */
export interface Model {
  readonly qformer: {
    readonly queries: number;
    readonly layers: number;
    readonly hiddenSize: number;
    readonly heads: number;
    readonly intermediateSize: number;
    readonly projectionSize: number;
  };
  /** N and D of the image encoder's features. */
  readonly positions: number;
  readonly width: number;
  readonly vocabulary: number;
  /** Tokens of a text. */
  readonly tokens: number;
}

/** What a job took, in process 0. */
export interface Measured {
  /** Of each step. */
  readonly seconds: readonly number[];
  /** Of each step: for how long it waited for other processes. */
  readonly waits: readonly number[];
  /** Bytes of a step's values that were summed or gathered. */
  readonly bytes: number;
  readonly parameters: number;
}

/** The model of the measurements: small enough for minutes, with a network's worth of gradients. */
export const model: Model = {
  qformer: { queries: 16, layers: 2, hiddenSize: 384, heads: 6, intermediateSize: 1536, projectionSize: 128 },
  positions: 49,
  width: 320,
  vocabulary: 2048,
  tokens: 16,
};
