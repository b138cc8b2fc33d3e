import { basename, extname } from 'node:path';
import type { EmojiConfig } from '@blip2/demo';
import type { Command } from 'commander';
import { dataSets, demoPackage, trainingPresets } from '../emoji.js';
import { UsageError } from '../errors.js';
import { COUNT, choiceOption, numberOption, type SharedOptions } from '../options.js';
import type { Session } from '../session.js';
import { startBackend } from './model.js';

interface TrainFlags extends SharedOptions {
  readonly data: string;
  readonly config?: string;
  readonly preset?: string;
  readonly stage: keyof typeof stages;
  readonly out?: string;
  readonly resume?: boolean;
  readonly maxSteps?: number;
}

const stages = { '1': [1], '2': [2], all: [1, 2] } as const;

export function trainCommand(command: Command, session: Session): Command {
  return command
    .description('Train a model: stage 1, stage 2 or both.')
    .addOption(choiceOption('--data <name>', 'data set', dataSets).default('emoji'))
    .option('--config <file>', 'training configuration, as JSON')
    .addOption(choiceOption('--preset <name>', 'training preset', trainingPresets))
    .addOption(choiceOption('--stage <n>', 'stages to train', Object.keys(stages)).default('all'))
    .option('--out <folder>', 'output folder (default: runs/ and the name of the configuration)')
    .option('--resume', 'resume from the latest checkpoint')
    .addOption(numberOption('--max-steps <n>', 'stop each stage after this many steps', COUNT))
    .action(async (flags: TrainFlags) => {
      const { config: file, preset, maxSteps } = flags;
      const name = preset ?? file;
      if (name === undefined || (preset !== undefined && file !== undefined)) {
        throw new UsageError('Give either --config or --preset.');
      }
      const out = flags.out ?? `runs/${basename(name, extname(name))}`;
      const { emojiConfigs, emojiData } = await demoPackage();
      const config = preset === undefined ? await emojiConfigs.read(name) : emojiConfigs.preset(preset);
      const { liveReport, runTrain, tensorBoard } = await import('@blip2/runs');
      await startBackend(flags);
      await runTrain(withSeed(config, flags.seed), {
        data: emojiData,
        out,
        stages: stages[flags.stage],
        resume: flags.resume ?? false,
        ...(maxSteps !== undefined && { maxSteps }),
        observers: [tensorBoard(), liveReport({ preset: name })],
        reporter: session.reporter({ steps: true }),
        signal: session.signal,
      });
      session.terminal.line(`The run is in ${out}.`);
    });
}

const withSeed = (config: EmojiConfig, seed: number | undefined): EmojiConfig =>
  seed === undefined ? config : { ...config, seed };
