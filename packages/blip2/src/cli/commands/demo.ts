import type { Command } from 'commander';
import { demoPackage } from '../data-sets.js';
import type { SharedOptions } from '../options.js';
import type { Session } from '../session.js';
import { outline } from '../text.js';
import { startBackend } from './model.js';

export function demoCommand(command: Command, session: Session): Command {
  return command
    .description('Train both stages on emoji, evaluate, and write a report; offline, in minutes.')
    .option('--out <folder>', 'output folder', 'runs/demo')
    .action(async (options: SharedOptions & { readonly out: string }) => {
      const { runDemo } = await demoPackage();
      await startBackend(options);
      const { out, seed } = options;
      const { signal } = session;
      const summary = await runDemo({ out, reporter: session.reporter(), signal, ...(seed !== undefined && { seed }) });
      session.result(summary, outline(summary));
    });
}
