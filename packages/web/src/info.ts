import type { ModelKind } from '@blip2/models';
import type { BackendReport } from '@blip2/training';

/** What a page knows of a model that a worker has loaded. */
export interface ModelInfo {
  /** The kinds of the loaded models: `generation` captions and answers, `retrieval` matches and searches. */
  readonly kinds: readonly ModelKind[];
  /** What computes in the worker, with how many threads. */
  readonly backend: BackendReport;
  /** Whether the page is cross-origin isolated; where it is not, the model has one thread. */
  readonly isolated: boolean;
  /** Bytes of the tensors that loading has made. */
  readonly bytes: number;
  /** Whether low-rank adapters (LoRA) of the language model can be trained. */
  readonly adapters: boolean;
}
