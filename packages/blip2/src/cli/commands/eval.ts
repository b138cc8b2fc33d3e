import type { Command } from 'commander';
import { modelOption, type Shared } from '../options.js';
import type { Session } from '../session.js';
import { outline } from '../text.js';

interface EvalOptions extends Shared {
  readonly model: string;
  readonly data: string;
}

export function evalCommand(command: Command, session: Session): Command {
  return command
    .description('Score a model: retrieval, captions, answers.')
    .addOption(modelOption())
    .option('--data <spec>', 'which data', 'emoji')
    .action(async (options: EvalOptions) => {
      const { useBackend } = await import('../backend.js');
      const { runEval } = await import('../../run/eval.js');
      await useBackend(options);
      const { model, data, seed } = options;
      const { signal } = session;
      const scores = await runEval({
        model,
        data,
        reporter: session.reporter(),
        signal,
        ...(seed !== undefined && { seed }),
      });
      session.result(scores, outline(scores));
    });
}
