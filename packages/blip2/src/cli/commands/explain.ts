import type { Command } from 'commander';
import { modelOption, type Shared, whole } from '../options.js';
import type { Session } from '../session.js';
import { openModel } from './model.js';

interface Options extends Shared {
  readonly model: string;
  readonly out: string;
  readonly layer?: number;
}

export function explainCommand(command: Command, session: Session): Command {
  return command
    .description('Draw what each query looks at in an image and, with a text, which regions its words lean on.')
    .argument('<image>', 'file of an image')
    .argument('[text]', 'matched with the image; needs a retrieval model')
    .addOption(modelOption())
    .requiredOption('--out <file>', 'the sheet, a PNG')
    .option('--layer <n>', 'one of the layers that look at the image, from 0 (default: the mean of all)', whole)
    .action(async (image: string, text: string | undefined, options: Options) => {
      const { out, layer } = options;
      using model = await openModel(session, options, text === undefined ? 'any' : 'retrieval');
      const { writeSheet } = await import('@blip2/explain');
      await writeSheet(model, image, { out, text, layer });
      session.result({ image, out }, out);
    });
}
