import type { FeatureKind } from '@blip2/models';
import { type Command, Option } from 'commander';
import { sentence, ToldError, UsageError } from '../errors.js';
import { modelOption, type Shared } from '../options.js';
import type { Session } from '../session.js';
import { openModel } from './model.js';

interface Options extends Shared {
  readonly model: string;
  readonly out: string;
  readonly text?: string[];
  readonly kind?: FeatureKind;
}

export function featuresCommand(command: Command, session: Session): Command {
  return command
    .description('Write features of images, of texts, or of pairs of both as safetensors.')
    .argument('[image...]', 'files or folders of images')
    .addOption(modelOption())
    .requiredOption(
      '--out <file>',
      'its tensors are called INPUT.NAME, as image_embeds and image_embeds_proj of an image',
    )
    .option('--text <text...>', 'texts: alone, or one an image')
    .addOption(
      new Option('--kind <kind>', 'vision: what the image encoder sees (default: by what is given)').choices([
        'image',
        'text',
        'multimodal',
        'vision',
      ]),
    )
    .action(async (names: string[], options: Options) => {
      const { out, text: texts = [], kind } = options;
      if (names.length + texts.length === 0) throw new UsageError('Give images, or texts with --text.');
      const { findImages } = await import('@blip2/search');
      const images = await findImages(names);
      using model = await openModel(session, options, texts.length > 0 ? 'retrieval' : 'any');
      const { writeFeatures } = await import('@blip2/models');
      const { signal, terminal } = session;
      let unread = 0;
      await writeFeatures(
        model,
        { images, texts },
        {
          out,
          kind,
          signal,
          onUnreadable: (_, error) => {
            unread++;
            terminal.line(sentence(error, signal) ?? '');
          },
          onInput: ({ input, shape }) => session.result({ input, shape }, `${input}  [${shape.join(',')}]`),
        },
      );
      if (unread > 0) throw new ToldError(`${unread} of ${images.length} images could not be read.`);
    });
}
