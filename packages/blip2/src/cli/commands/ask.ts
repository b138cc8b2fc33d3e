import type { Exchange } from '@blip2/models';
import type { Command } from 'commander';
import { UsageError } from '../errors.js';
import { repeatedOption } from '../options.js';
import type { Session } from '../session.js';
import { secondsSince } from '../text.js';
import {
  addGenerationOptions,
  checkTemplate,
  type GenerationFlags,
  type GenerationTask,
  generationOptions,
  printStream,
} from './generation.js';
import { expectImage } from './images.js';
import { openModel } from './model.js';

interface AskFlags extends GenerationFlags {
  readonly template?: string;
  readonly turn?: readonly Exchange[];
}

const task: GenerationTask = { task: 'ask', maxNewTokens: 10, lengthPenalty: -1 };

export function askCommand(command: Command, session: Session): Command {
  return addGenerationOptions(command, task)
    .description('Answer a question about an image.')
    .argument('<image>', 'image file')
    .argument('<question>', 'the question')
    .option(
      '--template <text>',
      "prompt template, with {} for the question (default: the decoding preset's, or the model's)",
    )
    .addOption(
      repeatedOption(
        '--turn <question|answer>',
        'an earlier question and its answer, separated by |; may be repeated, oldest first',
        parseTurn,
      ),
    )
    .action(async (image: string, question: string, flags: AskFlags) => {
      const { template, turn, stream } = flags;
      checkTemplate(template);
      const options = { template, history: turn, ...generationOptions(flags, task, session) };
      await expectImage(image);
      using model = await openModel(session, flags, 'generation');
      if (stream) return printStream(model.stream(image, { question, ...options }), session);
      const start = performance.now();
      const { answer, tokens, answers } = await model.ask(image, question, options);
      const json = { image, question, answer, tokens, seconds: secondsSince(start), ...(answers && { answers }) };
      session.result(json, (answers?.map((one) => one.answer) ?? [answer]).join('\n'));
    });
}

function parseTurn(text: string): Exchange {
  const at = text.indexOf('|');
  if (at < 0) throw new UsageError(`--turn must be a question and an answer with a | between, not '${text}'.`);
  return { question: text.slice(0, at).trim(), answer: text.slice(at + 1).trim() };
}
