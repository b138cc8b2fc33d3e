import { type Command, Option } from 'commander';
import type { FeatureKind } from '../../features/extract.js';
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
    .description('Write features of pictures, of texts, or of pairs of both as safetensors.')
    .argument('[image...]', 'files or folders of pictures')
    .addOption(modelOption())
    .requiredOption(
      '--out <file>',
      'its tensors are called INPUT.NAME, as image_embeds and image_embeds_proj of a picture',
    )
    .option('--text <text...>', 'texts: alone, or one a picture')
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
      if (names.length + texts.length === 0) throw new UsageError('Give pictures, or texts with --text.');
      const { pictureFiles } = await import('../../search/picture-files.js');
      const images = await pictureFiles(names);
      using model = await openModel(session, options, texts.length > 0 ? 'retrieval' : 'any');
      const { writeFeatures } = await import('../../features/write.js');
      const { signal, terminal } = session;
      let unread = 0;
      await writeFeatures(
        model,
        { images, texts },
        {
          out,
          kind,
          signal,
          onUnread: (_, error) => {
            unread++;
            terminal.line(sentence(error, signal) ?? '');
          },
          onInput: ({ input, shape }) => session.result({ input, shape }, `${input}  [${shape.join(',')}]`),
        },
      );
      if (unread > 0) throw new ToldError(`${unread} of ${images.length} pictures could not be read.`);
    });
}
