import type { Command } from 'commander';
import { sentence, ToldError } from '../errors.js';
import { modelOption, type Shared } from '../options.js';
import type { Session } from '../session.js';
import { secondsSince } from '../text.js';
import { openModel } from './model.js';

interface Options extends Shared {
  readonly model: string;
  readonly out: string;
  readonly features: boolean;
  readonly prune: boolean;
}

export function indexCommand(command: Command, session: Session): Command {
  return command
    .description('Make images ready to be searched, or bring their index up to date.')
    .argument('<image...>', 'files or folders of images')
    .addOption(modelOption())
    .requiredOption('--out <file>', 'the index; where it is there already, only new and changed images are encoded')
    .option('--no-features', 'keep no features: a smaller index, and a slower search that looks at images again')
    .option('--prune', 'leave out images whose files are gone', false)
    .action(async (names: string[], options: Options) => {
      const { findImages } = await import('@blip2/search');
      const images = await findImages(names);
      using model = await openModel(session, options, 'retrieval');
      const { indexImages } = await import('@blip2/search');
      const { out, features, prune } = options;
      const { signal, terminal } = session;
      const start = performance.now();
      let unread = 0;
      const summary = await indexImages(model, images, {
        out,
        features,
        prune,
        signal,
        onUnreadable: (_, error) => {
          unread++;
          terminal.line(sentence(error, signal) ?? '');
        },
        onProgress: (done, total) => terminal.progress('looking at images', { done, total }),
      });
      const { encoded, pruned } = summary;
      const json = { ...summary, unread, seconds: secondsSince(start) };
      const also = pruned > 0 ? `, ${pruned} left out` : '';
      session.result(json, `${out}: ${summary.images} images, ${encoded} of them new or changed${also}`);
      if (unread > 0) throw new ToldError(`${unread} of ${images.length} images could not be read.`);
    });
}
