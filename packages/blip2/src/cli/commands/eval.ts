import type { Command } from 'commander';
import { demoPackage } from '../demo-package.js';
import { UsageError } from '../errors.js';
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
      if (options.data !== 'emoji') throw new UsageError(`There is no data set '${options.data}'; there is 'emoji'.`);
      const { emojiData } = await demoPackage();
      const { useBackend } = await import('../backend.js');
      const { runEval } = await import('@blip2/runs');
      await useBackend(options);
      const { model, rerank, seed } = options;
      const { signal } = session;
      const scores = await runEval({
        model,
        data: emojiData,
        rerank,
        reporter: session.reporter(),
        signal,
        ...(seed !== undefined && { seed }),
      });
      session.result(scores, outline(scores));
    });
}
