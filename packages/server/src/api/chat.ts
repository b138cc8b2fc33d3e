import { randomUUID } from 'node:crypto';
import { streamSSE } from 'hono/streaming';
import type { GeneratedText, GenerateTask, Results } from '../engine/task.js';
import { ApiError, errorBody } from '../http/errors.js';
import { type ChatRequest, chatRequest, conversationOf, decodingOf } from './chat-request.js';
import { bodyOf, compute, expectAbility, expectModel, imageOf, type RequestContext, type Service } from './context.js';
import { cutAt, StoppedText } from './stops.js';

/** `POST /v1/chat/completions`: an image without a text is captioned, a text is a question, and earlier turns are a dialogue. */
export async function chat(c: RequestContext, service: Service): Promise<Response> {
  const request = await bodyOf(c, service, chatRequest);
  expectModel(service, request.model);
  expectAbility(service, 'generates');
  const decoding = decodingOf(request, service.limits);
  const { image: url, question, history } = conversationOf(request.messages);
  const image = await imageOf(c, service, url);
  const stream = Boolean(request.stream) && decoding.beams === 1 && decoding.returnSequences === undefined;
  const task: GenerateTask = { kind: 'generate', image, question, history, decoding, stream };
  const answer: Answer = {
    id: `chatcmpl-${randomUUID()}`,
    created: Math.floor(Date.now() / 1000),
    model: service.model,
    stops: [request.stop ?? []].flat(),
  };
  if (request.stream) return streamed(c, service, { task, answer, request });
  const result = await compute(c, service, task);
  c.get('call').tokens = usageOf(result).completion_tokens;
  const choices = result.texts.map((one, index) => {
    const { text, stopped } = cutAt(one.text, answer.stops);
    const message = { role: 'assistant', content: text, refusal: null };
    return { index, message, logprobs: null, finish_reason: finishOf(one, stopped) };
  });
  const { id, created, model } = answer;
  return c.json({ id, object: 'chat.completion', created, model, choices, usage: usageOf(result) });
}

interface Answer {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  /** Texts before which an answer ends. */
  readonly stops: readonly string[];
}

const finishOf = ({ ended }: GeneratedText, stopped: boolean): 'stop' | 'length' =>
  stopped || ended ? 'stop' : 'length';

function usageOf({ promptTokens, texts }: Results['generate']) {
  const completion_tokens = texts.reduce((sum, { tokens }) => sum + tokens, 0);
  return { prompt_tokens: promptTokens, completion_tokens, total_tokens: promptTokens + completion_tokens };
}

interface Streamed {
  readonly task: GenerateTask;
  readonly answer: Answer;
  readonly request: ChatRequest;
}

/** Sends the text in pieces as server-sent events: as it is generated, or, where there are beams, when it is whole. */
async function streamed(c: RequestContext, service: Service, { task, answer, request }: Streamed): Promise<Response> {
  const call = c.get('call');
  const { id, created, model, stops } = answer;
  const pieces = new Pieces();
  const cut = new StoppedText(stops);
  // what is refused before the first piece is answered with its status, not within a stream
  const computed = compute(c, service, task, (piece) => pieces.push(cut.push(piece))).finally(() => pieces.end());
  await Promise.race([computed, pieces.first]);

  return streamSSE(c, async (sse) => {
    const send = (body: object): Promise<void> =>
      sse.writeSSE({ data: JSON.stringify({ id, object: 'chat.completion.chunk', created, model, ...body }) });
    const choice = (index: number, delta: object, finish_reason: string | null = null): Promise<void> =>
      send({ choices: [{ index, delta, logprobs: null, finish_reason }] });
    try {
      if (task.stream) {
        await choice(0, { role: 'assistant', content: '' });
        for await (const piece of pieces) await choice(0, { content: piece });
      }
      const result = await computed;
      for (const [index, one] of result.texts.entries()) {
        const whole = task.stream ? undefined : cutAt(one.text, stops);
        const rest = whole?.text ?? cut.rest();
        if (rest !== '') await choice(index, { ...(whole && { role: 'assistant' }), content: rest });
        await choice(index, {}, finishOf(one, whole?.stopped ?? cut.stopped));
      }
      call.tokens = usageOf(result).completion_tokens;
      if (request.stream_options?.include_usage) await send({ choices: [], usage: usageOf(result) });
      await sse.writeSSE({ data: '[DONE]' });
    } catch (error) {
      const { message, status } = error instanceof ApiError ? error : { message: String(error), status: 500 };
      call.error = message;
      await sse.writeSSE({ data: JSON.stringify(errorBody({ message, status })) });
    }
  });
}

/** Pieces of a text, kept until they are read: a client that reads slowly does not hold up the model. */
class Pieces implements AsyncIterable<string> {
  readonly #kept: string[] = [];
  #wake: () => void = () => {};
  #ended = false;
  #begun: () => void = () => {};
  /** Resolves when there is a piece. */
  readonly first = new Promise<void>((resolve) => {
    this.#begun = resolve;
  });

  push(piece: string): void {
    if (piece === '') return;
    this.#kept.push(piece);
    this.#begun();
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    for (;;) {
      yield* this.#kept.splice(0);
      if (this.#kept.length > 0) continue;
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
