import type { Exchange } from '@blip2/models';
import { type Command, InvalidArgumentError } from 'commander';
import { several } from '../options.js';
import type { Session } from '../session.js';
import { secondsSince } from '../text.js';
import { expectImages } from './each-image.js';
import { generationMethods, type Speaking, show, speakOptions } from './generation.js';
import { openModel } from './model.js';

interface Asking extends Speaking {
  readonly template?: string;
  readonly turn?: readonly Exchange[];
}

export function askCommand(command: Command, session: Session): Command {
  return generationMethods(command, { task: 'ask', tokens: 10, lengthPenalty: -1 })
    .description('Answer a question about an image.')
    .argument('<image>', 'file of an image')
    .argument('<question>')
    .option(
      '--template <text>',
      "how it is put; {} is where the question goes (default: the preset's, or the folder's)",
    )
    .option(
      '--turn <question|answer>',
      'what was asked before and answered, with a | between; may be given again, the first first',
      several(turn),
    )
    .action(async (image: string, question: string, options: Asking) => {
      const decoding = { template: options.template, history: options.turn, ...speakOptions(options, session) };
      await expectImages([image]);
      using model = await openModel(session, options, 'generation');
      if (options.stream) return show(model.stream(image, { question, ...decoding }), session);
      const start = performance.now();
      const { answer, tokens, answers } = await model.ask(image, question, decoding);
      const json = { image, question, answer, tokens, seconds: secondsSince(start), ...(answers && { answers }) };
      session.result(json, (answers?.map((one) => one.answer) ?? [answer]).join('\n'));
    });
}

function turn(text: string): Exchange {
  const at = text.indexOf('|');
  if (at < 0) throw new InvalidArgumentError(`Between question and answer it needs a |, as in 'what is it?|a cat'.`);
  return { question: text.slice(0, at).trim(), answer: text.slice(at + 1).trim() };
}
