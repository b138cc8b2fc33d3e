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
import { trainCommand } from './commands/train.js';
import { type Shared, shared } from './options.js';
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
  features: featuresCommand,
  explain: explainCommand,
  inspect: inspectCommand,
  convert: convertCommand,
};

/** The command line: parses, and runs what it parsed. It throws for wrong usage, which commander has told by then. */
export function program(session: Session, version: string): Command {
  const root = new Command('blip2')
    .description('BLIP-2: train it, and let it speak of images.')
    .version(version)
    .exitOverride()
    .showHelpAfterError("'--help' says how.")
    .hook('preAction', (_, action) => session.begin(action.opts<Shared>()));
  for (const [name, define] of Object.entries(commands)) shared(define(root.command(name), session));
  return root;
}
