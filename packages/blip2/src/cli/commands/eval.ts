import type { EvalDecoding } from '@blip2/runs';
import type { Command } from 'commander';
import { type DataFlags, dataOption, EMOJI, splits, withEvaluationData } from '../data-sets.js';
import { type DistributedFlags, distributedOptions, withProcesses } from '../distributed.js';
import { choiceOption, modelOption, numberOption, SHARE } from '../options.js';
import { addOwnModelOptions, loadOwnModels, type OwnModelFlags } from '../own-models.js';
import type { Session } from '../session.js';
import { outline } from '../text.js';
import { addSearchOptions, checkLengths, checkTemplate, type SearchFlags, searchPresets } from './generation.js';
import { startBackend } from './model.js';

interface EvalFlags extends DataFlags, OwnModelFlags, SearchFlags, DistributedFlags {
  readonly model?: string;
  readonly rerank?: number;
  readonly prompt?: string;
  readonly template?: string;
  readonly predictions?: string;
}

/** The shortest of the texts' default lengths, those of answers. */
const ANSWER_TOKENS = 8;

export function evalCommand(command: Command, session: Session): Command {
  const defaults = { beams: '1', maxNewTokens: `24 of captions, ${ANSWER_TOKENS} of answers`, lengthPenalty: 1 };
  return addSearchOptions(evaluation(command), searchPresets, defaults)
    .option('--prompt <text>', "text that captions continue (default: the decoding preset's, or the model's)")
    .option('--template <text>', "prompt template of questions, with {} for the question (default: the model's)")
    .option('--predictions <file>', 'write captions and answers in the formats of the COCO and VQA leaderboards')
    .action(async (flags: EvalFlags) => {
      checkLengths(flags, ANSWER_TOKENS);
      checkTemplate(flags.template);
      const { model, rerank, seed, predictions } = flags;
      await withProcesses(flags, session, async ({ communicator, signal, threads }) => {
        const scores = await withEvaluationData(flags, session, async (data) => {
          const { runEval } = await import('@blip2/runs');
          await startBackend({ ...flags, ...(threads !== undefined && { threads }) });
          return runEval({
            ...(await loadOwnModels(flags)),
            model,
            data,
            decoding: decodingOf(flags),
            predictions,
            ...(rerank !== undefined && { rerank }),
            reporter: session.reporter(),
            signal,
            communicator,
            ...(seed !== undefined && { seed }),
          });
        });
        if ((communicator?.rank ?? 0) === 0) session.result(scores, outline(scores));
      });
    });
}

const decodingOf = ({ decoding, ...flags }: EvalFlags): EvalDecoding => ({
  preset: decoding,
  beams: flags.beams,
  maxNewTokens: flags.maxNewTokens,
  minNewTokens: flags.minNewTokens,
  lengthPenalty: flags.lengthPenalty,
  repetitionPenalty: flags.repetitionPenalty,
  prompt: flags.prompt,
  template: flags.template,
});

/** The model and the data of the command, and how retrieval is evaluated. */
function evaluation(command: Command): Command {
  for (const option of distributedOptions()) command.addOption(option);
  return addOwnModelOptions(command, ['vision', 'language'])
    .description('Evaluate a model: retrieval recall, caption scores and VQA accuracy.')
    .addOption(modelOption())
    .addOption(dataOption().default(EMOJI))
    .addOption(choiceOption('--split <name>', 'part of the data (default: all of it)', splits))
    .addOption(
      numberOption('--max-skipped <x>', 'largest share of the data that may be unusable (default: 0.01)', SHARE),
    )
    .addOption(
      numberOption(
        '--rerank <n>',
        'candidates with the highest ITC that are ranked again by ITM; 0 for none (default: what the model says)',
        {
          integer: true,
          min: 0,
        },
      ),
    );
}
