import { z } from 'zod';
import { bodyOf, compute, expectAbility, expectModel, inputsOf, type RequestContext, type Service } from './context.js';
import { input } from './inputs.js';

const rerankRequest = z.strictObject({
  model: z.string().optional(),
  query: input,
  documents: z.array(input).min(1),
  top_n: z.int().min(1).nullish(),
  return_documents: z.boolean().nullish(),
});

/** `POST /v1/rerank`, as Jina and Cohere have it: orders documents by the ITM probability that they match the query. */
export async function rerank(c: RequestContext, service: Service): Promise<Response> {
  const request = await bodyOf(c, service, rerankRequest);
  expectModel(service, request.model);
  expectAbility(service, 'matches');
  const { documents: given, top_n, return_documents } = request;
  const [query, ...documents] = await inputsOf(c, service, [request.query, ...given]);
  const { scores, tokens } = await compute(c, service, { kind: 'rerank', query: query!, documents });
  const results = scores
    .map((relevance_score, index) => {
      const one = given[index]!;
      const document = typeof one === 'string' ? { text: one } : one;
      return { index, relevance_score, ...(return_documents && { document }) };
    })
    .sort((a, b) => b.relevance_score - a.relevance_score || a.index - b.index)
    .slice(0, top_n ?? undefined);
  return c.json({ model: service.model, usage: { total_tokens: tokens }, results });
}
