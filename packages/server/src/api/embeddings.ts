import { z } from 'zod';
import { ApiError } from '../http/errors.js';
import { bodyOf, compute, expectAbility, expectModel, inputsOf, type RequestContext, type Service } from './context.js';
import { input } from './inputs.js';

const embeddingsRequest = z.strictObject({
  model: z.string(),
  input: z.union([input, z.array(input).min(1)]),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.int().min(1).nullish(),
  user: z.unknown().optional(),
});

/**
 * `POST /v1/embeddings`: a vector of length 1 for each text or image, in the space of ITC. Of an image it is the mean over the queries.
 */
export async function embeddings(c: RequestContext, service: Service): Promise<Response> {
  const request = await bodyOf(c, service, embeddingsRequest);
  expectModel(service, request.model);
  expectAbility(service, 'matches');
  const { width } = service.info;
  if ((request.dimensions ?? width) !== width) {
    throw new ApiError(400, `dimensions: the vectors of this model have ${width}.`, { param: 'dimensions' });
  }
  const inputs = await inputsOf(c, service, [request.input].flat());
  const { vectors, tokens } = await compute(c, service, { kind: 'embed', inputs });
  const data = vectors.map((vector, index) => {
    const { buffer, byteOffset, byteLength } = vector;
    const embedding =
      request.encoding_format === 'base64'
        ? Buffer.from(buffer, byteOffset, byteLength).toString('base64')
        : [...vector];
    return { object: 'embedding', index, embedding };
  });
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  return c.json({ object: 'list', data, model: service.model, usage });
}
