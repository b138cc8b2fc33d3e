import type { Command } from 'commander';
import { dataSets, demoPackage } from '../emoji.js';
import { choiceOption, modelOption, numberOption, type SharedOptions } from '../options.js';
import type { Session } from '../session.js';
import { outline } from '../text.js';
import { startBackend } from './model.js';

interface EvalFlags extends SharedOptions {
  readonly model: string;
  readonly data: string;
  readonly rerank?: number;
}

export function evalCommand(command: Command, session: Session): Command {
  return command
    .description('Evaluate a model: retrieval recall, caption scores and VQA accuracy.')
    .addOption(modelOption())
    .addOption(choiceOption('--data <name>', 'data set', dataSets).default('emoji'))
    .addOption(
      numberOption(
        '--rerank <n>',
        'candidates with the highest ITC that are ranked again by ITM; 0 for none (default: what the model says)',
        {
          integer: true,
          min: 0,
        },
      ),
    )
    .action(async (flags: EvalFlags) => {
      const { emojiData } = await demoPackage();
      const { runEval } = await import('@blip2/runs');
      await startBackend(flags);
      const { model, rerank, seed } = flags;
      const scores = await runEval({
        model,
        data: emojiData,
        ...(rerank !== undefined && { rerank }),
        reporter: session.reporter(),
        signal: session.signal,
        ...(seed !== undefined && { seed }),
      });
      session.result(scores, outline(scores));
    });
}
