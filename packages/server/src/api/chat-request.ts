import type { Exchange } from '@blip2/models';
import { z } from 'zod';
import type { Decoding } from '../engine/task.js';
import { ApiError } from '../http/errors.js';
import type { Limits } from '../limits.js';

const textPart = z.looseObject({ type: z.literal('text'), text: z.string() });
const imagePart = z.looseObject({ type: z.literal('image_url'), image_url: z.looseObject({ url: z.string() }) });

const userMessage = z.looseObject({
  role: z.literal('user'),
  content: z.union([z.string(), z.array(z.discriminatedUnion('type', [textPart, imagePart])).min(1)]),
});
const assistantMessage = z.looseObject({
  role: z.literal('assistant'),
  content: z.union([z.string(), z.array(textPart).min(1)]),
});
/** What instructs chat models, and BLIP-2 has no place for. */
const instruction = z.looseObject({ role: z.enum(['system', 'developer']) });

const count = (least: number) => z.int().min(least);
/** A field that is accepted where it asks for nothing. */
const neutral = <T extends z.ZodType>(schema: T) => schema.nullish();

/** The body of `POST /v1/chat/completions`: OpenAI's fields, and those of transformers that BLIP-2 is decoded with. */
export const chatRequest = z.strictObject({
  model: z.string(),
  messages: z.array(z.discriminatedUnion('role', [userMessage, assistantMessage, instruction])).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: count(1).nullish(),
  max_completion_tokens: count(1).nullish(),
  n: count(1).nullish(),
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(4)]).nullish(),
  seed: z.int().nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),

  top_k: count(0).nullish(),
  num_beams: count(1).nullish(),
  length_penalty: z.number().nullish(),
  repetition_penalty: z.number().gt(0).nullish(),
  min_tokens: count(0).nullish(),

  frequency_penalty: neutral(z.literal(0)),
  presence_penalty: neutral(z.literal(0)),
  logprobs: neutral(z.literal(false)),
  response_format: neutral(z.looseObject({ type: z.literal('text') })),
  modalities: neutral(z.tuple([z.literal('text')])),
  tools: neutral(z.array(z.unknown()).max(0)),
  tool_choice: neutral(z.enum(['none', 'auto'])),
  parallel_tool_calls: z.boolean().nullish(),

  user: z.unknown().optional(),
  metadata: z.unknown().optional(),
  store: z.unknown().optional(),
  service_tier: z.unknown().optional(),
  safety_identifier: z.unknown().optional(),
  prompt_cache_key: z.unknown().optional(),
});

/** A checked body of `POST /v1/chat/completions`. */
export type ChatRequest = z.infer<typeof chatRequest>;

/** What a conversation asks: about which image, what, and after which turns. */
export interface Conversation {
  /** The address of the image. */
  readonly image: string;
  /** Without a question, the image is captioned. */
  readonly question?: string | undefined;
  readonly history: readonly Exchange[];
}

/**
 * Reads a conversation: it is about the last image, and the turns since then are the dialogue; those without a text of the user
 * are captions, and left out.
 * @throws ApiError 400 for a conversation without an image, with several in one message, or whose last message is not the user's
 */
export function conversationOf(messages: ChatRequest['messages']): Conversation {
  const turns = messages.flatMap((message): { role: 'user' | 'assistant'; text: string; images: string[] }[] => {
    if (message.role === 'system' || message.role === 'developer') return [];
    const { role } = message;
    const { content } = message as z.infer<typeof userMessage>;
    const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content;
    const texts = parts.flatMap((part) => (part.type === 'text' ? [part.text.trim()] : []));
    const images = parts.flatMap((part) => (part.type === 'image_url' ? [part.image_url.url] : []));
    return [{ role: role as 'user' | 'assistant', text: texts.filter((text) => text !== '').join(' '), images }];
  });
  const last = turns.at(-1);
  if (last?.role !== 'user') throw wrong("The last message must be the user's.");
  const from = turns.findLastIndex(({ images }) => images.length > 0);
  if (from < 0) throw wrong('There is no image; give one as {"type": "image_url", "image_url": {"url": "data:…"}}.');
  const { images } = turns[from]!;
  if (images.length > 1) {
    throw wrong(`A message has ${images.length} images; BLIP-2 reads one, so send a request for each.`);
  }
  const history: Exchange[] = [];
  for (let i = from; i < turns.length - 1; i++) {
    const [turn, next] = [turns[i]!, turns[i + 1]!];
    if (turn.role === 'user' && next.role === 'assistant' && turn.text !== '') {
      history.push({ question: turn.text, answer: next.text });
    }
  }
  return { image: images[0]!, question: last.text === '' ? undefined : last.text, history };
}

const wrong = (message: string): ApiError => new ApiError(400, message, { param: 'messages', code: 'invalid_value' });

/** The defaults of `caption` and `ask`. */
const BEAMS = 5;

/**
 * How a request asks for its text to be generated. A temperature above 0 or a `top_p` samples; otherwise a text is searched for, with
 * 5 beams, or 1 where it is streamed.
 * @throws ApiError 400 for options that exclude each other or exceed the limits
 */
export function decodingOf(request: ChatRequest, { newTokens, beams: most }: Limits): Decoding {
  const { temperature, top_p, top_k, stream, n, num_beams, min_tokens } = request;
  const fail = (param: string, message: string): never => {
    throw new ApiError(400, `${param}: ${message}`, { param, code: 'invalid_value' });
  };
  const sample = (temperature ?? 0) > 0 || (temperature == null && (top_p != null || top_k != null));
  const maxNewTokens = request.max_completion_tokens ?? request.max_tokens ?? undefined;
  const beams = num_beams ?? (sample || (stream && (n ?? 1) === 1) ? 1 : Math.max(BEAMS, Math.min(n ?? 1, most)));
  if ((maxNewTokens ?? 0) > newTokens) fail('max_tokens', `this server generates at most ${newTokens} tokens.`);
  if (beams > most) fail('num_beams', `this server searches with at most ${most} beams.`);
  if ((n ?? 1) > (sample && beams === 1 ? most : beams)) {
    fail('n', `${n} texts need as many beams, at most ${most}; raise num_beams, or sample with a temperature.`);
  }
  if ((min_tokens ?? 0) > (maxNewTokens ?? newTokens))
    fail('min_tokens', 'it is above the most tokens that are generated.');
  if (!sample && (top_p != null || top_k != null)) fail('top_p', 'it needs sampling; give a temperature above 0.');
  return {
    beams,
    maxNewTokens,
    minNewTokens: min_tokens ?? undefined,
    lengthPenalty: request.length_penalty ?? undefined,
    repetitionPenalty: request.repetition_penalty ?? undefined,
    ...(sample && { sample, temperature: temperature ?? 1, topP: top_p ?? undefined, topK: top_k ?? undefined }),
    // without one, samples differ from request to request
    ...(sample && { seed: request.seed ?? Math.floor(Math.random() * 2 ** 31) }),
    ...((n ?? 1) > 1 && { returnSequences: n ?? 1 }),
  };
}
