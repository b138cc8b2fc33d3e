import { Command } from 'commander';
import { askCommand } from './commands/ask.js';
import { captionCommand } from './commands/caption.js';
import { convertCommand } from './commands/convert.js';
import { demoCommand } from './commands/demo.js';
import { evalCommand } from './commands/eval.js';
import { explainCommand } from './commands/explain.js';
import { featuresCommand } from './commands/features.js';
import { indexCommand } from './commands/index-images.js';
import { inspectCommand } from './commands/inspect.js';
import { matchCommand } from './commands/match.js';
import { searchCommand } from './commands/search.js';
import { serveCommand } from './commands/serve.js';
import { trainCommand } from './commands/train.js';
import { addSharedOptions, checkSharedOptions, type SharedOptions } from './options.js';
import type { Session } from './session.js';

const commands = {
  demo: demoCommand,
  train: trainCommand,
  eval: evalCommand,
  caption: captionCommand,
  ask: askCommand,
  match: matchCommand,
  index: indexCommand,
  search: searchCommand,
  serve: serveCommand,
  features: featuresCommand,
  explain: explainCommand,
  inspect: inspectCommand,
  convert: convertCommand,
};

/**
 * The parser of the command line; parsing runs the command. Modules that load TensorFlow.js are imported by the commands
 * themselves, after their options are checked.
 * @throws UsageError or CommanderError for wrong usage, before anything is loaded
 */
export function program(session: Session, version: string): Command {
  const root = new Command('blip2')
    .description('Train and evaluate BLIP-2, and use it: captions, answers, matching and search.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => session.piece(text),
      writeErr: (text) => session.terminal.line(text.trimEnd()),
      outputError: () => {}, // the caller reports errors
    })
    .hook('preAction', (_, action) => {
      const options = action.opts<SharedOptions>();
      checkSharedOptions(options);
      session.start(options);
    });
  for (const [name, define] of Object.entries(commands)) addSharedOptions(define(root.command(name), session));
  return root;
}
