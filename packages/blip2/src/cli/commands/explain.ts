import type { Command } from 'commander';
import { UsageError } from '../errors.js';
import { modelOption, numberOption, type SharedOptions } from '../options.js';
import { addOwnModelOptions, type OwnModelFlags } from '../own-models.js';
import type { Session } from '../session.js';
import { expectImage } from './images.js';
import { openModel } from './model.js';

interface ExplainFlags extends SharedOptions, OwnModelFlags {
  readonly model?: string;
  readonly out: string;
  readonly layer?: number;
}

const FORMAT = /\.(png|svg|html)$/i;

export function explainCommand(command: Command, session: Session): Command {
  return addOwnModelOptions(command, ['vision', 'language'])
    .description('Draw the cross-attention of each query over an image and, with a text, the relevance of each word.')
    .argument('<image>', 'image file')
    .argument('[text]', 'text to match with the image; needs a retrieval model')
    .addOption(modelOption())
    .requiredOption('--out <file>', 'the sheet to write: .png, .svg or .html')
    .addOption(
      numberOption('--layer <n>', 'cross-attention layer, from 0 (default: the mean of all)', {
        integer: true,
        min: 0,
      }),
    )
    .action(async (image: string, text: string | undefined, flags: ExplainFlags) => {
      const { out, layer } = flags;
      if (!FORMAT.test(out)) throw new UsageError(`--out must end in .png, .svg or .html, not '${out}'.`);
      await expectImage(image);
      using model = await openModel(session, flags, text === undefined ? 'any' : 'retrieval');
      const { writeSheet } = await import('@blip2/explain');
      await writeSheet(model, image, { out, text, layer });
      session.result({ image, out }, out);
    });
}
