import type { Command } from 'commander';
import { modelOption, type SharedOptions } from '../options.js';
import { addOwnModelOptions, type OwnModelFlags } from '../own-models.js';
import type { Session } from '../session.js';
import { expectImage } from './images.js';
import { openModel } from './model.js';

export function matchCommand(command: Command, session: Session): Command {
  return addOwnModelOptions(command, ['vision'])
    .description('Score how well texts match an image: ITM probability and ITC similarity.')
    .argument('<image>', 'image file')
    .argument('<text...>', 'the texts')
    .addOption(modelOption())
    .action(
      async (image: string, texts: string[], options: SharedOptions & OwnModelFlags & { readonly model?: string }) => {
        await expectImage(image);
        using model = await openModel(session, options, 'retrieval');
        const matches = await model.match(image, texts);
        for (const [i, { itm, itc }] of matches.entries()) {
          const text = texts[i]!;
          session.result({ image, text, itm, itc }, `itm ${itm.toFixed(4)}  itc ${itc.toFixed(4)}  ${text}`);
        }
      },
    );
}
