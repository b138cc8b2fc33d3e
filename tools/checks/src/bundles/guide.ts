import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fencedBlocks } from '../readmes/blocks.js';
import { root } from '../workspace.js';

/** What a section of docs/browser.md tells a reader to write and to run. */
export interface Recipe {
  /** The text of each file by its name, which the first line of a block gives in a comment. */
  readonly files: Readonly<Record<string, string>>;
  /** The lines of its shell blocks, without those that install packages. */
  readonly commands: readonly string[];
}

const NAME = /^(?:\/\/|#|<!--|\/\*) ([\w./-]+)(?:, [^>]*)?(?: -->| \*\/)?$/;

/**
 * The recipes of a Markdown text by their headings. A heading of the second level begins with what belongs to all headings of the
 * third level below it.
 */
export function recipesOf(markdown: string): Map<string, Recipe> {
  const recipes = new Map<string, Recipe>();
  let common: Recipe = { files: {}, commands: [] };
  for (const part of markdown.split(/^(?=##{1,2} )/m)) {
    const [, level = '', heading = ''] = /^(##{1,2}) (.+)/.exec(part) ?? [];
    if (!heading) continue;
    const own = recipeOf(part);
    if (level === '##') common = own;
    const files = level === '##' ? own.files : { ...common.files, ...own.files };
    const commands = level === '##' ? own.commands : [...common.commands, ...own.commands];
    recipes.set(heading.trim(), { files, commands });
  }
  return recipes;
}

function recipeOf(markdown: string): Recipe {
  const files: Record<string, string> = {};
  const commands: string[] = [];
  for (const { language, code } of fencedBlocks(markdown)) {
    const [first = ''] = code.split('\n');
    const [, name] = NAME.exec(first) ?? [];
    if (language === 'sh') {
      const lines = code.split('\n').map((line) => line.replace(/\s+#.*$/, '').trim());
      commands.push(...lines.filter((line) => line !== '' && !/^npm (install|i) /.test(line)));
    } else if (name) files[name] = code.slice(first.length + 1);
  }
  return { files, commands };
}

/** The recipe of a heading of docs/browser.md. */
export function recipe(heading: string, guide = join(root, 'docs/browser.md')): Recipe {
  const found = recipesOf(readFileSync(guide, 'utf8')).get(heading);
  if (!found) throw new Error(`docs/browser.md has no heading '${heading}'.`);
  return found;
}
