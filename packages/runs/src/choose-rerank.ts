import type { RerankConfig, RetrievalModel } from '@blip2/models';
import type { Communicator } from '@blip2/trainer';
import { evaluateRetrieval, type RetrievalScores } from './evaluate/retrieval.js';
import type { RetrievalData } from './run-data.js';

/** How many candidates are re-ranked where ITM helps: enough to contain the right one, few enough to stay fast. */
const CANDIDATES = 16;

/**
 * Measures retrieval on held-out images with ITC alone and with re-ranking by ITM, and chooses the better order: that with
 * the higher mean R@1 of both directions. After a short training ITM is close to chance and would spoil what ITC has right.
 */
export async function chooseRerank(
  model: Pick<RetrievalModel, 'params' | 'config' | 'tokenizer'>,
  data: RetrievalData,
  {
    textLength,
    signal,
    communicator,
  }: {
    readonly textLength: number;
    readonly signal?: AbortSignal | undefined;
    readonly communicator?: Communicator | undefined;
  },
): Promise<RerankConfig> {
  const options = { tokenizer: model.tokenizer, textLength, communicator, ...(signal ? { signal } : {}) };
  const mean = ({ i2t, t2i }: RetrievalScores): number => (i2t.r1 + t2i.r1) / 2;
  const itc = await evaluateRetrieval(model, data, { ...options, rerank: 0 });
  const itm = await evaluateRetrieval(model, data, { ...options, rerank: CANDIDATES });
  return { itm: mean(itm) > mean(itc), k: CANDIDATES };
}
