import { type Costs, type Network, neededBandwidth, stepCost } from './cost-model.js';
import type { Model } from './job.js';
import { median } from './measure.js';

/** The medians of a contender's rounds. */
export interface Contender {
  readonly seconds: readonly number[];
  readonly waits: readonly number[];
  readonly bytes: number;
  readonly parameters: number;
}

/** What was measured with a batch of so many pairs, of all processes together. */
export interface Measurement {
  readonly batch: number;
  readonly contenders: Readonly<Record<string, Contender>>;
}

/** What was measured. */
export interface Results {
  readonly machine: string;
  /** With each batch; the paper's costs are computed from the first. */
  readonly measurements: readonly Measurement[];
  readonly model: Model;
}

/** The paper's first stage (BLIP-2, section 4.1), with the Q-Former of BERT-base over ViT-g. */
const paper = {
  batch: 1680,
  steps: 250_000,
  parameters: 187e6,
  queries: 32,
  projection: 256,
  positions: 257,
  width: 1408,
};

/** Measured: a step of stage 1 with 12 layers and 8 pairs, native, on the 2 cores of one machine (docs/benchmarks.md). */
const SECONDS_PER_PAIR = 7.772 / 8;
const OPERATIONS = 186e9;
/** The backward pass takes twice as long as the forward pass. */
const BACKWARD = 2 / 3;

const networks: readonly (readonly [name: string, network: Network])[] = [
  ['1 Gbit/s', { bandwidth: 125e6, latency: 1e-4 }],
  ['10 Gbit/s', { bandwidth: 1.25e9, latency: 5e-5 }],
  ['100 Gbit/s', { bandwidth: 12.5e9, latency: 5e-6 }],
];
const MACHINES = [8, 16, 60, 120, 240, 560, 1000];

/** The share of the wait that sums of gradients no longer cost when they start during the backward pass. */
export function hiddenShare({ two, late }: Measurement['contenders']): number {
  if (!two || !late) return 0;
  return Math.max(0, 1 - median(two.waits) / median(late.waits));
}

/** The costs of the paper's first stage, with the hidden share that was measured. */
export const paperCosts = (hidden: number): Costs => ({
  secondsPerPair: SECONDS_PER_PAIR,
  parameters: paper.parameters,
  batch: paper.batch,
  imageValues: paper.positions * paper.width,
  contrastValues: (paper.queries + 1) * paper.projection,
  contrastOperations: 12 * paper.queries * paper.projection,
  operationsPerSecond: OPERATIONS,
  backwardShare: BACKWARD,
  hidden,
});

const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

const duration = (seconds: number): string => {
  const days = seconds / 86_400;
  if (days >= 730) return `${(days / 365).toPrecision(2)} years`;
  return days >= 1 ? `${days.toPrecision(3)} days` : `${(days * 24).toPrecision(2)} hours`;
};
const short = (seconds: number): string => (seconds >= 100 ? seconds.toFixed(0) : seconds.toPrecision(3));
const percent = (share: number): string => `${Math.round(100 * share)} %`;
const bytes = (count: number): string =>
  count >= 1e9 ? `${(count / 1e9).toFixed(2)} GB` : `${(count / 1e6).toFixed(1)} MB`;

const names = {
  single: '1 process, 2 threads',
  two: '2 processes, 1 thread each',
  late: 'the same, sums after the backward pass',
};

/** The rows of a batch. */
function rowsOf({ batch, contenders }: Measurement): (string | number)[][] {
  const single = contenders.single as Contender;
  return Object.entries(names).flatMap(([key, name]) => {
    const one = contenders[key];
    if (!one) return [];
    const ratios = one.seconds.map((seconds, round) => seconds / (single.seconds[round] as number));
    const least = Math.min(...one.seconds) / Math.min(...single.seconds);
    return [
      [
        batch,
        name,
        `${(1000 * median(one.seconds)).toFixed(0)} (${(1000 * Math.min(...one.seconds)).toFixed(0)})`,
        `${median(ratios).toFixed(2)} (${least.toFixed(2)})`,
        key === 'single' ? '-' : bytes(one.bytes),
        key === 'single' ? '-' : (1000 * median(one.waits)).toFixed(1),
        one.seconds.length,
      ],
    ];
  });
}

function measured({ measurements, machine, model }: Results): string {
  const { layers, hiddenSize, queries } = model.qformer;
  const [first] = measurements as [Measurement];
  const parameters = Object.values(first.contenders)[0]?.parameters ?? 0;
  const head = [
    'pairs',
    'contender',
    'median ms of a step (least)',
    'ratio',
    'exchanged values',
    'ms waited',
    'rounds',
  ];
  return `${table(head, measurements.flatMap(rowsOf))}

A step of stage 1, with so many *pairs* of all processes together: ${layers} layers of ${hiddenSize}, ${queries} queries, ${(parameters / 1e6).toFixed(1)} M
parameters, features ${model.positions}x${model.width}; ${machine}. The contenders take turns, each round in new processes. *Ratio*: the median
of the rounds' (and that of the least times). *Exchanged values* are the bytes of one process' values in sums, gatherings and
broadcasts; two processes send each other as many bytes as a ring does. *Waited* is the time in which a process does nothing
else, which other load of the machine lengthens: processes wait for the slower one too. Of the wait without hiding,
**${percent(hiddenShare(first.contenders))}** is hidden behind the backward pass with ${first.batch} pairs.

With few pairs two processes are slower because each does with one thread what does not depend on the batch and two threads
share in one process: AdamW, the norm of the gradients, copies of the gradients to and from MPI.`;
}

/** The page docs/scaling.md. */
export function report(results: Results): string {
  const hidden = hiddenShare(results.measurements[0]?.contenders ?? {});
  const costs = paperCosts(hidden);
  const exact = { ...costs, imageValues: 0 };
  const rows = networks.flatMap(([name, network]) =>
    MACHINES.map((machines) => {
      const { compute, contrast, gather, reduce, step, efficiency, sent } = stepCost(costs, network, machines);
      return [
        name,
        machines,
        short(compute),
        short(contrast),
        short(gather),
        short(reduce),
        short(step),
        duration(step * paper.steps),
        percent(efficiency),
        bytes(sent),
      ];
    }),
  );
  const needs = MACHINES.map((machines) => {
    const gbits = (of: Costs): string => `${((8 * neededBandwidth(of, machines, 5e-6)) / 1e9).toPrecision(2)} Gbit/s`;
    return [machines, gbits(costs), gbits(exact)];
  });
  return `# Training on several machines: what it costs

\`npm run scaling -- --report docs/scaling.md\` measures and writes this page. How to start a run: [cluster.md](cluster.md).

## Measured

${measured(results)}

Four processes were run for equality alone, as the machine has two cores: their losses are those of one process to 1e-4
(\`packages/blip2/src/cli/distributed.test.ts\`).

## The paper's first stage on many machines

An estimate, not a measurement. A batch of ${paper.batch} pairs and ${paper.steps.toLocaleString('en-US')} steps; a machine is the 2 cores of
[benchmarks](benchmarks.md), which take ${SECONDS_PER_PAIR.toFixed(2)} s for a pair with 12 layers and features of 257x1408 by native kernels with AVX-512. Gradients of ${paper.parameters / 1e6} M
parameters are summed by a ring, of which ${percent(hidden)} is hidden, at most for the two thirds of the step that the backward pass takes. Every
machine gathers all features and images, and computes ITC among all pairs.

${table(['network', 'machines', 's compute', 's ITC of all', 's gather', 's sums not hidden', 's a step', 'all steps', 'efficiency', 'sent'], rows)}

The network with which half of the time is lost:

${table(['machines', 'as it is', 'if images were not gathered'], needs)}

- **The images of ITM are what stops it.** A machine gathers the images of all others, ${bytes(4 * paper.batch * costs.imageValues)} a step, however many machines there
  are, and uses one negative a pair. Sending each machine only the images that it draws would divide that by the number of
  machines; the second table has that bound. It is not done.
- **ITC among all pairs** is computed by every machine: it does not shrink, and is ${short(stepCost(costs, { bandwidth: 1e12, latency: 0 }, 8).contrast)} s a step.
- **The batch ends it.** ${paper.batch} pairs give 1,000 machines less than two each (even shares need a divisor of the batch, as 840); a small
  share also computes less efficiently than the pairs of the measurement, which the estimate leaves out.
- Stage 2 sums gradients of the queries' branch and the projection alone and gathers nothing, and so scales further.
`;
}
