import type { Quantization, StoredDtype } from '@blip2/convert';
import type { Command } from 'commander';
import { UsageError } from '../errors.js';
import { choiceOption, repeatedOption, type SharedOptions } from '../options.js';
import type { Session } from '../session.js';
import { hubOptions } from './model.js';

interface ConvertFlags extends SharedOptions {
  readonly vision?: string;
  readonly language?: string;
  readonly tokenizer?: string;
  readonly config?: string;
  readonly dtype?: StoredDtype;
  readonly quantize?: Quantization;
  readonly keep?: readonly string[];
}

export function convertCommand(command: Command, session: Session): Command {
  return command
    .description('Convert a LAVIS checkpoint, or a Hugging Face folder, to a Hugging Face folder, or quantize it.')
    .argument('<in>', 'a LAVIS .pth, a Hugging Face folder, or a name on its hub')
    .argument('<out>', 'the folder to write')
    .option(
      '--vision <model>',
      'image encoder, which a .pth lacks: eva_vit_g.pth, clip_vit_L.pth, a folder or a hub name',
    )
    .option('--language <model>', 'language model, which a .pth of stage 2 lacks: a folder or a hub name')
    .option('--tokenizer <model>', "folder or hub name with the tokenizer (default: the language model's)")
    .option('--config <file>', 'JSON that overrides the config inferred from the weights, such as numbers of heads')
    .addOption(
      choiceOption('--dtype <name>', 'dtype of the weights (default: f16 and bf16 are kept, all else becomes f32)', [
        'f32',
        'f16',
        'bf16',
      ]),
    )
    .addOption(
      choiceOption('--quantize <name>', 'pack the weights of image encoder and language model, also in memory', [
        'int8',
        'int4',
        'f16',
      ]),
    )
    .addOption(
      repeatedOption(
        '--keep <pattern>',
        'with --quantize: matrices that stay float32, by names in sequence, such as lm_head or layers.*.fc1; several times',
        (pattern) => pattern,
      ),
    )
    .action(async (from: string, to: string, flags: ConvertFlags) => {
      const { vision, language, tokenizer, dtype, config: file, quantize, keep } = flags;
      if (quantize !== undefined && dtype !== undefined) {
        throw new UsageError('--dtype and --quantize exclude each other; leave one out.');
      }
      if (keep !== undefined && quantize === undefined) {
        throw new UsageError('--keep is for --quantize, which is missing; give both.');
      }
      const [{ convertModel }, { readJson }] = await Promise.all([
        import('@blip2/convert'),
        import('@blip2/tensor/files'),
      ]);
      const config = file === undefined ? undefined : await readJson(file);
      if (file !== undefined && !config) throw new Error(`There is no file '${file}'; check the path.`);
      const { terminal } = session;
      const onProgress = (progress: { done: number; total: number }): void => terminal.progress('converting', progress);
      const parts = { vision, language, tokenizer, dtype, config, quantize, keep };
      const converted = await convertModel(from, to, { ...hubOptions(session), ...parts, onProgress });
      terminal.end();
      session.result(converted, `${converted.out}: ${converted.bytes.toLocaleString('en')} bytes`);
    });
}
