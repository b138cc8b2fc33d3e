import type { Command } from 'commander';
import type { Session } from '../session.js';
import { secondsSince } from '../text.js';
import { eachPicture, expectPictures } from './each-picture.js';
import { openModel } from './model.js';
import { type Speaking, show, speaking, speakOptions } from './speaking.js';

export function captionCommand(command: Command, session: Session): Command {
  return speaking(command, { task: 'caption', tokens: 30, lengthPenalty: 1 })
    .description('Say what is on pictures.')
    .argument('<image...>', 'files of pictures')
    .option('--prompt <text>', "what the text goes on from (default: the preset's, or the folder's)")
    .action(async (images: string[], options: Speaking & { readonly prompt?: string }) => {
      const decoding = { prompt: options.prompt, ...speakOptions(options, session) };
      await expectPictures(images);
      using model = await openModel(session, options, 'generation');
      const label = (image: string): string => (images.length > 1 ? `${image}: ` : '');
      await eachPicture(images, session, async (image, picture) => {
        if (options.stream) {
          session.piece(label(image));
          return show(model.stream(picture, decoding), session);
        }
        const start = performance.now();
        const { caption, tokens, captions } = await model.caption(picture, decoding);
        const json = { image, caption, tokens, seconds: secondsSince(start), ...(captions && { captions }) };
        const texts = captions?.map((one) => one.caption) ?? [caption];
        session.result(json, texts.map((text) => `${label(image)}${text}`).join('\n'));
      });
    });
}
