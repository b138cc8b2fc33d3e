import { basename, extname } from 'node:path';
import type { DataConfig, RunConfig, TrainRunOptions } from '@blip2/runs';
import type { Command } from 'commander';
import { dataOption, demoPackage, EMOJI, splits, trainingPresets } from '../data-sets.js';
import { type DistributedFlags, distributedOptions, type Joined, withProcesses } from '../distributed.js';
import { UsageError } from '../errors.js';
import { COUNT, choiceOption, numberOption, SHARE } from '../options.js';
import { isModule, loadTrainedWith } from '../own-models.js';
import type { Session } from '../session.js';
import { startBackend } from './model.js';
import { checkImageFlags, type ImageFlags, imageFlags, imageRun } from './train-images.js';

interface TrainFlags extends ImageFlags, DistributedFlags {
  readonly data?: string;
  readonly stage?: keyof typeof stages;
  readonly out?: string;
  readonly resume?: boolean;
  readonly maxSteps?: number;
}

const stages = { '1': [1], '2': [2], all: [1, 2] } as const;

export function trainCommand(command: Command, session: Session): Command {
  const presets = [...trainingPresets.emoji, ...trainingPresets.images];
  for (const option of distributedOptions()) command.addOption(option);
  return command
    .description(
      'Train on images of your own, or on emoji: fine-tune a model, or train both stages from frozen models.',
    )
    .addOption(dataOption())
    .option(
      '--model <model>',
      'the model to fine-tune; --config then overrides (default: the starter model, without --preset and --config)',
    )
    .addOption(choiceOption('--preset <name>', 'training preset', presets))
    .option('--config <file>', 'training configuration, as JSON')
    .option('--vision <module>', 'your own image encoder: a module, or the folder of an encoder')
    .option('--bert <folder>', 'the BERT that the Q-Former starts from')
    .option('--language <module>', 'your own language model: a module, or the folder of a language model')
    .addOption(
      choiceOption('--stage <n>', 'stages to train (default: all, or those that the model has)', Object.keys(stages)),
    )
    .option('--out <folder>', 'output folder (default: runs/ and the name of the configuration or the data)')
    .option('--resume', 'resume from the latest checkpoint')
    .addOption(choiceOption('--split <name>', 'part of the data to train on (default: train)', splits))
    .option('--validation <x>', 'what selects the best step: a share of the images, a split, or a data set of its own')
    .addOption(
      numberOption('--patience <n>', 'stop after so many evaluations on validation images without a better one', COUNT),
    )
    .addOption(numberOption('--steps <n>', 'steps of each stage', COUNT))
    .addOption(numberOption('--batch-size <n>', 'images of a step', { integer: true, min: 2 }))
    .addOption(numberOption('--learning-rate <x>', 'learning rate after warm-up', { above: 0 }))
    .addOption(
      numberOption(
        '--lora <rank>',
        'train low-rank adapters of the language model too (default: 8 of a small one)',
        COUNT,
      ),
    )
    .option('--no-lora', 'train no adapters: the language model stays as it is')
    .addOption(choiceOption('--augment <name>', 'augmentation of the images', ['none', 'crop', 'randaugment']))
    .addOption(numberOption('--views <n>', 'with --augment, cached views of each image', COUNT))
    .option('--no-feature-cache', 'encode the images in each step, and keep no features on disk')
    .addOption(
      numberOption('--workers <n>', 'threads that decode images (default: the cores but one, at most 4)', {
        integer: true,
        min: 0,
      }),
    )
    .addOption(
      numberOption('--max-skipped <x>', 'largest share of the data that may be unusable (default: 0.01)', SHARE),
    )
    .addOption(numberOption('--max-steps <n>', 'stop each stage after this many steps', COUNT))
    .action(async (flags: TrainFlags) => {
      const { preset, config, maxSteps } = flags;
      if (preset !== undefined && config !== undefined) throw new UsageError('Give either --config or --preset.');
      const data = dataOf(flags);
      const wanted = flags.stage && stages[flags.stage];
      if (data !== EMOJI) checkImageFlags(flags);
      const { liveReport, runTrain, tensorBoard } = await import('@blip2/runs');
      const train = async <D extends DataConfig>(run: Run<D>, joined: Joined): Promise<void> => {
        const { name, config: _, ...rest } = run;
        const out = flags.out ?? `runs/${name}`;
        await runTrain(run.config, {
          ...rest,
          ...(await loadTrainedWith(flags)),
          out,
          resume: flags.resume ?? false,
          ...(maxSteps !== undefined && { maxSteps }),
          observers: [tensorBoard(), liveReport({ preset: preset ?? name })],
          reporter: session.reporter({ steps: true }),
          signal: joined.signal,
          communicator: joined.communicator,
        });
        if ((joined.communicator?.rank ?? 0) === 0) session.terminal.line(`The run is in ${out}.`);
      };
      await withProcesses(flags, session, async (joined) => {
        await startBackend({ ...flags, ...(joined.threads !== undefined && { threads: joined.threads }) });
        if (data === EMOJI) await train(await emojiRun(flags, wanted), joined);
        else await train(await imageRun(data, flags, { stages: wanted, session }), joined);
      });
    });
}

/** The data set of the command. @throws UsageError where none is named, and for options that it does not have */
function dataOf({ data, preset, config, ...flags }: TrainFlags): string {
  const { emoji, images } = trainingPresets;
  const isOfImages = preset !== undefined && images.includes(preset);
  const wanted = data ?? (config !== undefined || (preset !== undefined && !isOfImages) ? EMOJI : undefined);
  if (wanted === undefined) throw new UsageError('Give the images to train on, with --data PATH.');
  if (wanted !== EMOJI) {
    if (preset === undefined || isOfImages) return wanted;
    throw new UsageError(`The preset '${preset}' is for --data ${EMOJI}; give one of ${images.join(', ')}.`);
  }
  if (isOfImages)
    throw new UsageError(`The preset '${preset}' is for images of your own; give one of ${emoji.join(', ')}.`);
  if (preset === undefined && config === undefined) throw new UsageError('Give either --config or --preset.');
  for (const [key, name] of Object.entries(imageFlags)) {
    const value = flags[key as keyof typeof imageFlags];
    if (value === undefined || isModule(value)) continue;
    throw new UsageError(`${name} is for images of your own; give them with --data PATH.`);
  }
  return EMOJI;
}

/** What a run is made of. */
type Run<D extends DataConfig> = Pick<TrainRunOptions<D>, 'data' | 'stages' | 'initial'> & {
  readonly config: RunConfig<D>;
  /** What the run is called where it has no folder. */
  readonly name: string;
};

/** A run on emoji, by a preset or a file. */
async function emojiRun({ preset, config: file, seed }: TrainFlags, stages: readonly (1 | 2)[] = [1, 2]) {
  const { emojiConfigs, emojiData } = await demoPackage();
  const name = (preset ?? file) as string;
  const config = preset === undefined ? await emojiConfigs.read(name) : emojiConfigs.preset(preset);
  const seeded = seed === undefined ? config : { ...config, seed };
  return { config: seeded, data: emojiData, stages, name: basename(name, extname(name)) };
}
