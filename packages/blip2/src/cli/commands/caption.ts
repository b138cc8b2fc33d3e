import type { Command } from 'commander';
import type { Session } from '../session.js';
import { secondsSince } from '../text.js';
import { eachImage, expectImages } from './each-image.js';
import { generationMethods, type Speaking, show, speakOptions } from './generation.js';
import { openModel } from './model.js';

export function captionCommand(command: Command, session: Session): Command {
  return generationMethods(command, { task: 'caption', tokens: 30, lengthPenalty: 1 })
    .description('Say what is on images.')
    .argument('<image...>', 'files of images')
    .option('--prompt <text>', "what the text goes on from (default: the preset's, or the folder's)")
    .action(async (images: string[], options: Speaking & { readonly prompt?: string }) => {
      const decoding = { prompt: options.prompt, ...speakOptions(options, session) };
      await expectImages(images);
      using model = await openModel(session, options, 'generation');
      const label = (image: string): string => (images.length > 1 ? `${image}: ` : '');
      await eachImage(images, session, async (image, decoded) => {
        if (options.stream) {
          session.piece(label(image));
          return show(model.stream(decoded, decoding), session);
        }
        const start = performance.now();
        const { caption, tokens, captions } = await model.caption(decoded, decoding);
        const json = { image, caption, tokens, seconds: secondsSince(start), ...(captions && { captions }) };
        const texts = captions?.map((one) => one.caption) ?? [caption];
        session.result(json, texts.map((text) => `${label(image)}${text}`).join('\n'));
      });
    });
}
