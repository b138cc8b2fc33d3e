import type { Command } from 'commander';
import type { Session } from '../session.js';
import { secondsSince } from '../text.js';
import {
  addGenerationOptions,
  type GenerationFlags,
  type GenerationTask,
  generationOptions,
  printStream,
} from './generation.js';
import { eachImage, imageFiles } from './images.js';
import { openModel } from './model.js';

const task: GenerationTask = { task: 'caption', maxNewTokens: 30, lengthPenalty: 1 };

export function captionCommand(command: Command, session: Session): Command {
  return addGenerationOptions(command, task)
    .description('Generate captions of images.')
    .argument('<image...>', 'image files, folders or patterns')
    .option('--prompt <text>', "text that captions continue (default: the decoding preset's, or the model's)")
    .action(async (names: string[], flags: GenerationFlags & { readonly prompt?: string }) => {
      const options = { prompt: flags.prompt, ...generationOptions(flags, task, session) };
      const { images } = await imageFiles(names, session);
      using model = await openModel(session, flags, 'generation');
      const label = (image: string): string => (images.length > 1 ? `${image}: ` : '');
      await eachImage(images, { session, orient: flags.orient }, async (image, decoded) => {
        if (flags.stream) {
          session.piece(label(image));
          return printStream(model.stream(decoded, options), session);
        }
        const start = performance.now();
        const { caption, tokens, captions } = await model.caption(decoded, options);
        const json = { image, caption, tokens, seconds: secondsSince(start), ...(captions && { captions }) };
        const texts = captions?.map((one) => one.caption) ?? [caption];
        session.result(json, texts.map((text) => `${label(image)}${text}`).join('\n'));
      });
    });
}
