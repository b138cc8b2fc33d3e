import type { Results } from '../results.js';
import { compare, noiseOf, summary, verdict } from '../statistics.js';
import { table as configurations } from '../table.js';
import { type Comparison, type Finding, findings } from './findings.js';
import type { Measure } from './measures.js';

/** The page and its plots by the name of their file. */
export interface Page {
  readonly text: string;
  readonly plots: Readonly<Record<string, string>>;
}

/** Renders the findings. */
export function render(results: Results): Page {
  const plots = Object.fromEntries(
    findings.flatMap(({ plots }) => plots.map(({ file, draw }) => [file, draw(results)] as const)),
  );
  const sections = findings.map((finding) => section(finding, results));
  return { text: `${[intro(results), ...sections, reproduce(results)].join('\n\n')}\n`, plots };
}

function intro({ scale, results }: Results): string {
  const seconds = results.reduce((sum, run) => sum + run.seconds, 0);
  return `# The paper's findings, at small scale

What Li et al. 2023 ([arXiv 2301.12597](https://arxiv.org/abs/2301.12597)) found or chose, tried on the emoji of the demo: written by \`pnpm ablate\` from
[tools/ablate/results.json](../tools/ablate/results.json), ${results.length} trainings of one stage each, ${Math.round(seconds / 60)} minutes of one core's time.

**Scale.** The demo's frozen models and data (${scale.scenes} scenes, four drawings of each emoji), a Q-Former of two layers of width 192 with 8
queries, ${scale.stage1} steps of ${scale.batchSize} images for stage 1 and ${scale.stage2} for stage 2. The paper trains 188 million parameters for 250,000 and 80,000
steps on 129 million images. What shows here may not show there, and the other way round.

**Noise.** ${seedsOf({ results })} Seeds have other initial weights, other batches and other scenes to train on; the test images are the same. Tables have the
mean and, in brackets, the lowest and highest seed. A difference is followed by its margin: half the 95% confidence interval by Student's t, with the
standard deviation over seeds of all configurations together. It *shows* where it is larger than that, and else it is *within the
noise*; of twenty differences that are none, one shows by chance.

**Scores.** *Unseen vendor*: Noto's drawings, which training has none of. *Known vendors*: drawings that training has, in scenes that it has not. R@1 is
the mean of both directions among ${scale.candidates} emoji, by ITC; by ITM it is among ${scale.matched}, with every pair ranked. VQA accuracy and CIDEr are of ${scale.testScenes} scenes of each split. Losses without 'in
training' are of Noto's images with the masks and the hard negatives of BLIP-2, whatever the training had.

**Configurations.** *Whole* is BLIP-2: stage 1 with ITC, ITM on hard negatives and ITG, stage 2 with the loss of the language model alone. Every other
configuration differs from it in what its name says. *With phrases*: the loss of [decision 14](decisions/0014-phrases-in-the-soft-prompt.md), which the demo has and BLIP-2 has not.`;
}

/** Says how many seeds the configurations have, and which were not run. */
function seedsOf({ results }: Pick<Results, 'results'>): string {
  const of = (name: string): number => new Set(results.flatMap((run) => (run.name === name ? [run.seed] : []))).size;
  const missing = configurations.filter(({ name }) => of(name) === 0).map(({ name }) => `*${name}*`);
  const counts = configurations.map(({ name }) => of(name)).filter((count) => count > 0);
  const [fewest, most] = [Math.min(...counts), Math.max(...counts)];
  const seeds =
    most === 1
      ? 'One seed each so far: a small difference cannot be distinguished from noise, and no verdict is given.'
      : fewest === most
        ? `${most} seeds each.`
        : `${fewest} to ${most} seeds each, the fewer for the rows that matter less.`;
  return missing.length === 0 ? seeds : `${seeds} Not run yet: ${missing.join(', ')}.`;
}

function section({ title, paper, tables, comparisons, plots, here }: Finding, results: Results): string {
  const images = plots.map(({ file, alt }) => `![${alt}](images/${file})`);
  return [
    `## ${title}`,
    `**The paper.** ${paper}`,
    ...tables.map(({ names, measures }) => table(names, measures, results)),
    verdicts(comparisons, results),
    ...images,
    `**Here.** ${here}`,
  ].join('\n\n');
}

function table(names: readonly string[], measures: readonly Measure[], results: Results): string {
  const rows = names.map((name) => [name, ...measures.map((measure) => summary(measure.values(results, name)))]);
  return markdown(['', ...measures.map(({ label }) => label)], rows);
}

function verdicts(comparisons: readonly Comparison[], results: Results): string {
  const names = [...new Set(results.results.map(({ name }) => name))];
  const rows = comparisons.map(({ better, worse, measure }) => {
    const [a, b] = [measure.values(results, better), measure.values(results, worse)];
    const compared = compare(a, b, noiseOf(names.map((name) => measure.values(results, name))));
    const difference = compared ? `${signed(compared.difference)} ± ${compared.margin.toFixed(3)}` : '-';
    const seeds = `${a.length} and ${b.length}`;
    return [`${better} better than ${worse}`, measure.label, difference, seeds, verdict(compared, measure.lower)];
  });
  return markdown(['expected', 'by', 'difference', 'seeds', ''], rows);
}

const signed = (value: number): string => `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(3)}`;

const markdown = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

function reproduce({ results }: Results): string {
  const seeds = Math.max(...results.map(({ seed }) => seed)) + 1;
  return `## Run it again

\`pnpm ablate --seeds ${seeds}\` trains everything that \`runs/ablate\` does not hold yet, stopped runs go on; \`pnpm ablate --only 'no ITC' --seeds 1 --steps 20\`
tries one configuration, and \`pnpm ablate --render\` writes this page from the results. The switches are \`ablation\` of \`trainStage1\`
(\`Stage1Ablation\` of \`@blip2/training\`).`;
}
