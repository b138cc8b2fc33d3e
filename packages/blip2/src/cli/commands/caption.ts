import type { Command } from 'commander';
import type { Session } from '../session.js';
import { secondsSince } from '../text.js';
import { expectPictures, openModel } from './model.js';
import { type Speaking, speaking, speakOptions } from './speaking.js';

export function captionCommand(command: Command, session: Session): Command {
  return speaking(command, { tokens: 30, lengthPenalty: 1 })
    .description('Say what is on pictures.')
    .argument('<image...>', 'files of pictures')
    .option('--prompt <text>', "what the text goes on from (default: the folder's)")
    .action(async (images: string[], options: Speaking & { readonly prompt?: string }) => {
      await expectPictures(images);
      using model = await openModel(session, options, 'generation');
      const { prompt } = options;
      for (const image of images) {
        const start = performance.now();
        const { caption, tokens } = await model.caption(image, { prompt, ...speakOptions(options, session.signal) });
        const json = { image, caption, tokens, seconds: secondsSince(start) };
        session.result(json, images.length > 1 ? `${image}: ${caption}` : caption);
      }
    });
}
