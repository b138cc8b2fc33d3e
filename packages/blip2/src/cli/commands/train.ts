import { basename, extname } from 'node:path';
import type { EmojiConfig } from '@blip2/demo';
import type { Command } from 'commander';
import { Option } from 'commander';
import { demoPackage } from '../demo-package.js';
import { UsageError } from '../errors.js';
import { count, type Shared } from '../options.js';
import type { Session } from '../session.js';

interface TrainOptions extends Shared {
  readonly config?: string;
  readonly preset?: string;
  readonly stage: '1' | '2' | 'all';
  readonly out?: string;
  readonly resume: boolean;
  readonly maxSteps?: number;
}

const stages = { '1': [1], '2': [2], all: [1, 2] } as const;

export function trainCommand(command: Command, session: Session): Command {
  return command
    .description('Train a model: stage 1, stage 2 or both.')
    .option('--config <file>', 'a configuration, as JSON')
    .option('--preset <name>', 'a configuration with a name')
    .addOption(new Option('--stage <n>', 'which stage').choices(['1', '2', 'all']).default('all'))
    .option('--out <folder>', 'where to write (default: runs/ and the name of the configuration)')
    .option('--resume', 'go on from the newest checkpoint', false)
    .option('--max-steps <n>', 'stop each stage after so many steps', count)
    .action(async (options: TrainOptions) => {
      const { name, config } = await configOf(options);
      const { useBackend } = await import('../backend.js');
      const [{ runTrain }, { emojiData }] = await Promise.all([import('@blip2/runs'), demoPackage()]);
      await useBackend(options);
      const { maxSteps } = options;
      const out = options.out ?? `runs/${name}`;
      await runTrain(config, {
        data: emojiData,
        out,
        stages: stages[options.stage],
        resume: options.resume,
        ...(maxSteps !== undefined && { maxSteps }),
        reporter: session.reporter({ steps: true }),
        signal: session.signal,
      });
      session.terminal.line(`The run is in ${out}.`);
    });
}

async function configOf({
  config: file,
  preset: named,
  seed,
}: TrainOptions): Promise<{ name: string; config: EmojiConfig }> {
  if ((file === undefined) === (named === undefined)) throw new UsageError('Give either --config or --preset.');
  const { emojiConfigs } = await demoPackage();
  const name = named ?? basename(file!, extname(file!));
  const config = named === undefined ? await emojiConfigs.read(file!) : emojiConfigs.preset(named);
  return { name, config: seed === undefined ? config : { ...config, seed } };
}
