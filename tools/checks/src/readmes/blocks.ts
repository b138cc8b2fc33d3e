/** A fenced block of a README. */
export interface Block {
  /** The first word of the info string, e.g. `js`; empty where there is none. */
  readonly language: string;
  /** The words after it, e.g. `fragment`. */
  readonly marks: readonly string[];
  readonly code: string;
  /** The line of the opening fence, from 1. */
  readonly line: number;
}

/** The fenced blocks of a Markdown text, in their order; a block in a list is dedented. */
export function fencedBlocks(markdown: string): Block[] {
  const blocks: Block[] = [];
  const lines = markdown.split(/\r?\n/);
  for (let i = 0; i < lines.length; i++) {
    const [, indent = '', fence, info = ''] = /^(\s*)(`{3,}|~{3,})(.*)$/.exec(lines[i] as string) ?? [];
    if (!fence) continue;
    const [language = '', ...marks] = info.trim().split(/\s+/);
    const code: string[] = [];
    const line = i + 1;
    while (++i < lines.length && (lines[i] as string).trim() !== fence) {
      code.push((lines[i] as string).replace(new RegExp(`^\\s{0,${indent.length}}`), ''));
    }
    blocks.push({ language, marks, code: `${code.join('\n')}\n`, line });
  }
  return blocks;
}

const languages: Readonly<Record<string, Example['language']>> = {
  js: 'js',
  javascript: 'js',
  mjs: 'js',
  ts: 'ts',
  typescript: 'ts',
};

/** A block of JavaScript or TypeScript. */
export interface Example {
  readonly language: 'js' | 'ts';
  /** Marked as a fragment: it has to parse, and is not run. */
  readonly fragment: boolean;
  readonly code: string;
  readonly line: number;
}

/** The blocks of JavaScript and TypeScript in a README. */
export function examplesOf(markdown: string): Example[] {
  return fencedBlocks(markdown).flatMap(({ language, marks, code, line }) => {
    const known = languages[language];
    return known ? [{ language: known, fragment: marks.includes('fragment'), code, line }] : [];
  });
}

/** The packages that the README's own `npm install` lines name. */
export function installLines(markdown: string): string[] {
  const shells = fencedBlocks(markdown).filter(({ language }) => ['sh', 'bash', 'shell', ''].includes(language));
  const lines = shells.flatMap(({ code }) => code.split('\n'));
  return lines.flatMap((line) => {
    const [, names = ''] = /^(?:\$ )?npm (?:install|i) ([^#]*)/.exec(line.trim()) ?? [];
    return names.split(/\s+/).filter((name) => name !== '' && !name.startsWith('-'));
  });
}

/** The targets of the links and images of a Markdown text, outside its code. */
export function linksOf(markdown: string): string[] {
  const text = markdown.replace(/^\s*(`{3,}|~{3,})[\s\S]*?^\s*\1\s*$/gm, '').replace(/`[^`\n]*`/g, '');
  const inline = [...text.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)].map(([, target]) => target as string);
  const references = [...text.matchAll(/^\[[^\]]+\]:\s*<?(\S+?)>?\s*$/gm)].map(([, target]) => target as string);
  return [...inline, ...references];
}
