import type { Command } from 'commander';
import { modelOption, type SharedOptions } from '../options.js';
import { addOwnModelOptions, type OwnModelFlags } from '../own-models.js';
import type { Session } from '../session.js';
import { secondsSince } from '../text.js';
import { imageFiles, unreadableImages } from './images.js';
import { openModel } from './model.js';

interface IndexFlags extends SharedOptions, OwnModelFlags {
  readonly model?: string;
  readonly out: string;
  readonly features: boolean;
  readonly prune?: boolean;
}

export function indexCommand(command: Command, session: Session): Command {
  return addOwnModelOptions(command, ['vision'])
    .description('Index images for search, or update their index.')
    .argument('<image...>', 'image files, folders or patterns')
    .addOption(modelOption())
    .requiredOption('--out <file>', 'the index; of one that exists, only new and changed images are encoded')
    .option('--no-features', 'store no image features: a smaller index, whose search encodes images again')
    .option('--prune', 'remove images whose files no longer exist')
    .action(async (names: string[], flags: IndexFlags) => {
      const { images, skipped } = await imageFiles(names, session);
      using model = await openModel(session, flags, 'retrieval');
      const { indexImages } = await import('@blip2/search');
      const { out, features, prune } = flags;
      const { signal, terminal } = session;
      const start = performance.now();
      const unreadable = unreadableImages(session);
      const {
        images: total,
        encoded,
        pruned,
      } = await indexImages(model, images, {
        out,
        features,
        prune,
        signal,
        onUnreadable: unreadable.report,
        onProgress: (done, total) => terminal.progress('encoding images', { done, total }),
      });
      const left = skipped + unreadable.count;
      const json = { images: total, skipped: left, encoded, pruned, out, seconds: secondsSince(start) };
      const removed = pruned > 0 ? `, ${pruned} removed` : '';
      const others = left > 0 ? `, ${left} skipped` : '';
      session.result(json, `${out}: ${total} images, ${encoded} of them new or changed${removed}${others}`);
      unreadable.throwIfAny(images.length);
    });
}
