import type { Command } from 'commander';
import type { Session } from '../session.js';
import { secondsSince } from '../text.js';
import { expectPictures, openModel } from './model.js';
import { type Speaking, speaking, speakOptions } from './speaking.js';

export function askCommand(command: Command, session: Session): Command {
  return speaking(command, { tokens: 10, lengthPenalty: -1 })
    .description('Answer a question about a picture.')
    .argument('<image>', 'file of a picture')
    .argument('<question>')
    .option('--template <text>', "how it is put; {} is where the question goes (default: the folder's)")
    .action(async (image: string, question: string, options: Speaking & { readonly template?: string }) => {
      await expectPictures([image]);
      using model = await openModel(session, options, 'generation');
      const { template } = options;
      const start = performance.now();
      const spoken = await model.ask(image, question, { template, ...speakOptions(options, session.signal) });
      const { answer, tokens } = spoken;
      session.result({ image, question, answer, tokens, seconds: secondsSince(start) }, answer);
    });
}
