import type { StoredDtype } from '@blip2/convert';
import { type Command, Option } from 'commander';
import type { Shared } from '../options.js';
import type { Session } from '../session.js';
import { fromHub } from './model.js';

interface ConvertFlags extends Shared {
  readonly vision?: string;
  readonly language?: string;
  readonly tokenizer?: string;
  readonly config?: string;
  readonly dtype?: StoredDtype;
  readonly quantize?: string;
}

export function convertCommand(command: Command, session: Session): Command {
  return command
    .description('Write a Hugging Face folder from a checkpoint of LAVIS or from another such folder.')
    .argument('<in>', 'a .pth of LAVIS, a Hugging Face folder, or a name on the hub')
    .argument('<out>', 'the folder to write')
    .option('--vision <path>', 'the image encoder that a .pth leaves out: eva_vit_g.pth, clip_vit_L.pth or a folder')
    .option('--language <folder>', 'the language model that a .pth of stage 2 leaves out')
    .option('--tokenizer <folder>', "a folder with a tokenizer (default: the language model's)")
    .option('--config <file>', 'JSON laid over the config that the weights show, such as numbers of heads')
    .addOption(
      new Option('--dtype <name>', 'how numbers are stored (default: as they are)').choices(['f32', 'f16', 'bf16']),
    )
    .addOption(new Option('--quantize <name>', 'not yet').hideHelp())
    .action(async (from: string, to: string, flags: ConvertFlags) => {
      if (flags.quantize !== undefined)
        throw new Error("Quantized weights are not written yet; leave '--quantize' out.");
      const [{ convertModel }, { readJson }] = await Promise.all([
        import('@blip2/convert'),
        import('@blip2/tensor/files'),
      ]);
      const config = flags.config === undefined ? undefined : await readJson(flags.config);
      if (flags.config !== undefined && !config) throw new Error(`There is no file '${flags.config}'; check the path.`);
      const { terminal } = session;
      const onProgress = (progress: { done: number; total: number }): void => terminal.progress('converting', progress);
      const { vision, language, tokenizer, dtype } = flags;
      const parts = { vision, language, tokenizer, dtype, config };
      const done = await convertModel(from, to, { ...fromHub(session), ...parts, onProgress });
      terminal.end();
      session.result(done, `${done.out}: ${done.bytes.toLocaleString('en')} bytes`);
    });
}
