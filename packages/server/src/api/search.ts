import { z } from 'zod';
import { parseBody } from '../http/body.js';
import { ApiError } from '../http/errors.js';
import { bodyOf, compute, inputsOf, type RequestContext, type Service } from './context.js';
import { input } from './inputs.js';

const top = z.coerce.number().int().min(1).max(1000).default(10);
const searchRequest = z.strictObject({ query: input, top });
const searchQuery = z.strictObject({ q: z.string().min(1), top });

/** `GET /search?q=…&top=…` and `POST /search`: the images of the index that match a text, or are most like an image. */
export async function search(c: RequestContext, service: Service): Promise<Response> {
  if (service.info.indexed === undefined) {
    throw new ApiError(404, 'This server has no index of images; start it with --index FILE.', { code: 'no_index' });
  }
  const { query: given, top } =
    c.req.method === 'POST' ? await bodyOf(c, service, searchRequest) : queryOf(parseBody(searchQuery, c.req.query()));
  const [query] = await inputsOf(c, service, [given]);
  const { results } = await compute(c, service, { kind: 'search', query: query!, top });
  return c.json({ results });
}

const queryOf = ({ q, top }: z.infer<typeof searchQuery>) => ({ query: q, top });
