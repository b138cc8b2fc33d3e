import type { Command } from 'commander';
import { modelOption, type Shared } from '../options.js';
import type { Session } from '../session.js';
import { expectImages } from './each-image.js';
import { openModel } from './model.js';

export function matchCommand(command: Command, session: Session): Command {
  return command
    .description('Say how well texts fit an image.')
    .argument('<image>', 'file of an image')
    .argument('<text...>')
    .addOption(modelOption())
    .action(async (image: string, texts: string[], options: Shared & { readonly model: string }) => {
      await expectImages([image]);
      using model = await openModel(session, options, 'retrieval');
      const matches = await model.match(image, texts);
      for (const [i, { itm, itc }] of matches.entries()) {
        const text = texts[i]!;
        session.result({ image, text, itm, itc }, `itm ${itm.toFixed(4)}  itc ${itc.toFixed(4)}  ${text}`);
      }
    });
}
