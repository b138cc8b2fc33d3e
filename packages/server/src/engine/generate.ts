import { questionProcessor } from '@blip2/data';
import {
  type Answer,
  type Blip2,
  type Caption,
  decodingPresets,
  dialogue,
  type EncodedImage,
  type GenerationModel,
} from '@blip2/models';
import { promptTokens } from '@blip2/training';
import { type Decoder, encode, Refusal } from './image.js';
import type { GeneratedText, GenerateTask, Outcome, Results } from './task.js';
import { throwIfAborted } from './throw-if-aborted.js';

/** A model that generates, and how images for it are decoded. */
export interface Generator {
  readonly blip2: Blip2;
  /** The generation model of `blip2`. */
  readonly model: GenerationModel;
  readonly decoder: Decoder;
}

/** The most new tokens where the request does not say it. */
const NEW_TOKENS = { caption: 30, answer: 10 };

/** A task whose image is encoded. */
interface Encoded {
  readonly task: GenerateTask;
  /** Its place among the tasks. */
  readonly place: number;
  readonly prompt: Prompt;
  readonly image: EncodedImage;
}

/** Captions images, or answers questions about them, as one batch. The tasks differ in image and question only. */
export async function generate(
  generator: Generator,
  tasks: readonly GenerateTask[],
  signal: AbortSignal,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const encoded: Encoded[] = [];
  try {
    for (const [place, task] of tasks.entries()) {
      await throwIfAborted(signal);
      try {
        const prompt = promptOf(generator.model, task);
        encoded.push({ task, place, prompt, image: await encode(generator.model, task.image, generator.decoder) });
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        outcomes[place] = { refused: error.message };
      }
    }
    for (const length of new Set(encoded.map(({ prompt }) => prompt.maxNewTokens))) {
      const batch = encoded.filter(({ prompt }) => prompt.maxNewTokens === length);
      const texts = await generateBatch(generator, batch, signal);
      for (const [i, { place, prompt }] of batch.entries()) {
        outcomes[place] = { result: { texts: texts[i]!, promptTokens: prompt.tokens } };
      }
    }
    return outcomes;
  } finally {
    for (const { image } of encoded) image.dispose();
  }
}

/** The texts of each image, best first. */
async function generateBatch(
  { blip2, model }: Generator,
  batch: readonly Encoded[],
  signal: AbortSignal,
): Promise<GeneratedText[][]> {
  const { task, prompt } = batch[0]!;
  const { history, decoding } = task;
  const images = batch.map(({ image }) => image);
  const questions = batch.flatMap((one) => one.task.question ?? []);
  const options = { ...decoding, maxNewTokens: prompt.maxNewTokens, signal };
  const found =
    task.question === undefined
      ? (await blip2.caption(images, options)).map(captionsOf)
      : (await blip2.ask(images, questions, { ...options, history, template: templateOf(model) })).map(answersOf);
  return found.map((texts) =>
    texts.map(({ text, tokens }) => ({ text, tokens: tokens.length, ended: isEnd(model, tokens) })),
  );
}

/** Texts with their ids. */
type Texts = { readonly text: string; readonly tokens: readonly number[] }[];
const captionsOf = (one: Caption): Texts =>
  (one.captions ?? [one]).map(({ caption, tokens }) => ({ text: caption, tokens }));
const answersOf = (one: Answer): Texts =>
  (one.answers ?? [one]).map(({ answer, tokens }) => ({ text: answer, tokens }));

/** Generates a text and gives its pieces while it is generated. @throws Refusal for an image that cannot be read */
export async function stream(
  { blip2, model, decoder }: Generator,
  { image: bytes, question, history, decoding: given }: GenerateTask,
  { signal, onPiece }: { readonly signal: AbortSignal; readonly onPiece: (text: string) => void },
): Promise<Results['generate']> {
  const { tokens: promptTokens, maxNewTokens } = promptOf(model, { question, history, decoding: given });
  using image = await encode(model, bytes, decoder);
  const { beams: _, returnSequences: __, ...decoding } = given;
  const ids: number[] = [];
  const asked = question !== undefined && { question, history, template: templateOf(model) };
  const onToken = (id: number): void => void ids.push(id);
  let text = '';
  for await (const piece of blip2.stream(image, { ...decoding, ...asked, maxNewTokens, signal, onToken })) {
    text += piece;
    onPiece(piece);
  }
  return { texts: [{ text, tokens: ids.length, ended: isEnd(model, ids) }], promptTokens };
}

interface Prompt {
  /** The positions before the new tokens: those of the queries, and of the prompt. */
  readonly tokens: number;
  readonly maxNewTokens: number;
}

/** @throws Refusal where the prompt and the new tokens are more than the language model has positions for */
function promptOf(
  model: GenerationModel,
  { question, history, decoding }: Pick<GenerateTask, 'question' | 'history' | 'decoding'>,
): Prompt {
  const { config, language, tokenizer, prompts } = model;
  const turns = history.map((one) => ({ ...one, question: questionProcessor(one.question) }));
  const text =
    question === undefined ? prompts.caption : dialogue(templateOf(model), questionProcessor(question), turns);
  const { ids, kind, maxPositions } = language;
  const tokens = config.queries + promptTokens(text, { tokenizer, ids, kind }).length;
  const most = maxPositions === undefined ? Number.POSITIVE_INFINITY : maxPositions - tokens + 1;
  const { maxNewTokens } = decoding;
  if (most < 1) throw new Refusal('The dialogue is longer than the language model can read; leave out earlier turns.');
  if (maxNewTokens !== undefined && maxNewTokens > most) {
    throw new Refusal(`After this prompt the language model has positions for ${most} tokens; lower max_tokens.`);
  }
  const usual = question === undefined ? NEW_TOKENS.caption : NEW_TOKENS.answer;
  return { tokens, maxNewTokens: maxNewTokens ?? Math.min(most, Math.max(usual, decoding.minNewTokens ?? 0)) };
}

/** How a question is put: the template of the model, or of InstructBLIP. */
const templateOf = ({ instruction, prompts }: Pick<GenerationModel, 'instruction' | 'prompts'>): string =>
  instruction ? decodingPresets.instruct.all.template : prompts.question;

/** Whether ids end as texts of the model do. */
const isEnd = ({ language }: GenerationModel, ids: readonly number[]): boolean =>
  language.ids.eos.includes(ids.at(-1) ?? -1);
