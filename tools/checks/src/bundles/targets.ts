/** Where built packages have to work, as docs/browser.md says it under a heading of this name. */
export interface Target {
  readonly name: string;
  /** The heading in docs/browser.md whose files and commands are used. */
  readonly heading: string;
  /** What those commands need from the registry. */
  readonly tools: readonly string[];
  /** The folder of the built page, relative to that of the program; undefined for runtimes, whose last command prints the result. */
  readonly page?: string;
  /** Whether the program stands in the page itself, on one prebuilt file. */
  readonly inline?: boolean;
  /** The browsers that open the page. Default: Chromium. */
  readonly browsers?: readonly ('chromium' | 'firefox')[];
}

const all = ['chromium', 'firefox'] as const;

/** Tools of pinned versions: none of them is a dependency of the workspace, they are installed beside the packed packages. */
export const targets: readonly Target[] = [
  { name: 'vite', heading: 'vite', tools: ['vite@8.3.8'], page: 'dist', browsers: all },
  { name: 'esbuild', heading: 'esbuild', tools: ['esbuild@0.28.2'], page: 'public', browsers: all },
  { name: 'webpack', heading: 'webpack', tools: ['webpack@5.112.2', 'webpack-cli@7.3.1'], page: 'public' },
  { name: 'next', heading: 'Next', tools: ['next@16.4.6', 'react@19', 'react-dom@19'], page: 'out' },
  { name: 'script', heading: 'Without a bundler', tools: [], page: 'public', browsers: all, inline: true },
  { name: 'deno', heading: 'Deno', tools: ['deno@2.9.6'] },
  { name: 'bun', heading: 'Bun', tools: ['bun@1.4.4'] },
];

/** Those of `npm run checks`; the others are a matter of `npm run soak -- bundles`. */
export const quick: readonly string[] = ['vite', 'esbuild', 'script', 'service-worker'];
