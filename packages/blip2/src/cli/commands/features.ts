import type { FeatureKind } from '@blip2/models';
import type { Command } from 'commander';
import { UsageError } from '../errors.js';
import { choiceOption, modelOption, type SharedOptions } from '../options.js';
import { addOwnModelOptions, type OwnModelFlags } from '../own-models.js';
import type { Session } from '../session.js';
import { imageFiles, unreadableImages } from './images.js';
import { openModel } from './model.js';

interface FeaturesFlags extends SharedOptions, OwnModelFlags {
  readonly model?: string;
  readonly out: string;
  readonly text?: string[];
  readonly kind?: FeatureKind;
}

/** The inputs of each kind of features. */
const inputs = {
  image: 'images without --text',
  text: '--text without images',
  multimodal: 'images and --text',
  vision: 'images without --text',
} as const satisfies Record<FeatureKind, string>;

export function featuresCommand(command: Command, session: Session): Command {
  return addOwnModelOptions(command, ['vision', 'language'])
    .description('Extract features of images, of texts, or of pairs of both, and write them as safetensors.')
    .argument('[image...]', 'image files, folders or patterns')
    .addOption(modelOption())
    .requiredOption('--out <file>', 'the safetensors file; tensors are named INPUT.NAME, such as cat.jpg.image_embeds')
    .option('--text <text...>', 'texts; with images, one text for each or one for all')
    .addOption(
      choiceOption(
        '--kind <kind>',
        'image: outputs of the queries, vision: of the image encoder (default: by the inputs)',
        Object.keys(inputs),
      ),
    )
    .action(async (names: string[], flags: FeaturesFlags) => {
      const { out, text: texts = [], kind } = flags;
      checkInputs({ images: names.length > 0, texts: texts.length > 0, kind });
      const images = names.length > 0 ? (await imageFiles(names, session)).images : [];
      using model = await openModel(session, flags, texts.length > 0 ? 'retrieval' : 'any');
      const { writeFeatures } = await import('@blip2/models');
      const unreadable = unreadableImages(session);
      await writeFeatures(
        model,
        { images, texts },
        {
          out,
          kind,
          signal: session.signal,
          onUnreadable: unreadable.report,
          onInput: ({ input, shape }) => session.result({ input, shape }, `${input}  [${shape.join(',')}]`),
        },
      );
      unreadable.throwIfAny(images.length);
    });
}

function checkInputs({
  images,
  texts,
  kind,
}: {
  images: boolean;
  texts: boolean;
  kind: FeatureKind | undefined;
}): void {
  if (!images && !texts) throw new UsageError('Nothing to extract features of: give images, or texts with --text.');
  const given = inputs[images && texts ? 'multimodal' : images ? 'image' : 'text'];
  if (kind && inputs[kind] !== given) throw new UsageError(`--kind ${kind} needs ${inputs[kind]}, not ${given}.`);
}
