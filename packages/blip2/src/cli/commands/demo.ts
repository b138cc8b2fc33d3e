import type { Command } from 'commander';
import { demoPackage } from '../demo-package.js';
import type { Shared } from '../options.js';
import type { Session } from '../session.js';
import { outline } from '../text.js';

export function demoCommand(command: Command, session: Session): Command {
  return command
    .description('The main job, offline: both stages on emoji, the scores, and a report.')
    .option('--out <folder>', 'where to write', 'runs/demo')
    .action(async (options: Shared & { readonly out: string }) => {
      const { runDemo } = await demoPackage();
      const { useBackend } = await import('../backend.js');
      await useBackend(options);
      const { out, seed } = options;
      const { signal } = session;
      const summary = await runDemo({ out, reporter: session.reporter(), signal, ...(seed !== undefined && { seed }) });
      session.result(summary, outline(summary));
    });
}
