import type { Command } from 'commander';
import { modelOption, type Shared, whole } from '../options.js';
import type { Session } from '../session.js';
import { outline } from '../text.js';

interface EvalOptions extends Shared {
  readonly model: string;
  readonly data: string;
  readonly rerank: number;
}

export function evalCommand(command: Command, session: Session): Command {
  return command
    .description('Score a model: retrieval, captions, answers.')
    .addOption(modelOption())
    .option('--data <spec>', 'which data', 'emoji')
    .option('--rerank <n>', 'how many of the best by contrast are ordered again by matching', whole, 0)
    .action(async (options: EvalOptions) => {
      const { useBackend } = await import('../backend.js');
      const { runEval } = await import('../../run/eval.js');
      await useBackend(options);
      const { model, data, rerank, seed } = options;
      const { signal } = session;
      const scores = await runEval({
        model,
        data,
        rerank,
        reporter: session.reporter(),
        signal,
        ...(seed !== undefined && { seed }),
      });
      session.result(scores, outline(scores));
    });
}
