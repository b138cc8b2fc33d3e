import { labelOf } from '../contender.js';
import type { Failure, Result } from '../result.js';
import { bars, isMet } from './bars.js';
import { grouped } from './find.js';
import { type Environment, machineOf, type Recorded } from './lines.js';
import { losses } from './losses.js';

const BEGIN = '<!-- by hand -->';
const END = '<!-- by hand: end -->';
const EMPTY = 'Nothing has been written here yet.';

/** What was written by hand in the last report. */
export function handWritten(report: string): string {
  const [begin, end] = [report.indexOf(BEGIN), report.indexOf(END)];
  return begin < 0 || end < begin ? EMPTY : report.slice(begin + BEGIN.length, end).trim();
}

export interface ReportOptions {
  /** The section that is kept from report to report. */
  readonly byHand: string;
  /** The name of the plot of a suite, as seen from the report. */
  plot(bench: string): string | undefined;
  /** Where the lines of the run lie, as seen from the report. */
  readonly lines: string;
}

/** The report of a run, in Markdown. */
export function markdown({ environment, results, failures }: Recorded, options: ReportOptions): string {
  const machines = byMachine(results, environment);
  const suites = [...grouped(results)].flatMap(([bench, cases]) => [
    `## ${titles[bench] ?? bench}`,
    ...(notes[bench] ? [notes[bench]] : []),
    ...[...byMachine([...cases.values()].flat(), environment)].flatMap(([machine, lines]) => [
      ...(machines.size > 1 ? [`On ${machine}:`] : []),
      table(
        heads,
        [...grouped(lines).get(bench)!].flatMap(([name, own]) => rows(name, own)),
      ),
    ]),
    ...(options.plot(bench) ? [`![Each contender's speed in each case](${options.plot(bench)})`] : []),
  ]);
  return `${[
    '# Benchmarks',
    `Made by \`npm run -s bench -- --report docs/benchmarks.md\` of [these lines](${options.lines}); do not edit what is not marked.`,
    environments(machines.values(), environment),
    method,
    ...suites,
    '## Where this project loses',
    lossText(results),
    ...failureText(failures),
    `${BEGIN}\n\n${options.byHand}\n\n${END}`,
    '## What is wanted, and what is met',
    table(['', 'wanted', 'measured', ''], bars(results, failures).map(barRow)),
  ].join('\n\n')}\n`;
}

const method = `Every contender is a process of its own, new for each suite; samples are taken in turn, so that what slows the machine slows all of
them, and only contenders of one run are compared; a suite stands under the machine that it was measured on. Times are milliseconds of a run after a warm-up, \`spread\` is (longest - shortest) /
median. Rates are of the shortest time. \`of ceiling\` is the share of what a loop does with as many threads that only multiplies and adds
128-bit vectors in registers (wasm has no wider ones; native code has), or, where bytes bound the case, of the faster of two
loops that stream them through memory, reading alone and copying (what fits into a cache may exceed it). \`× simd\` is the median as a multiple of this backend's with two
threads, in WebAssembly or else native: above 1 the contender is slower. \`CPU ms\` is the least time that the processors spent, in all threads together: on a shared
machine it says more than the clock. \`heap\` is the most that this backend's tensors took, \`process\` the most memory that the
process held. tfjs' wasm backend has no threads under Node; jax-js was run with one. onnxruntime-web copies inputs into its memory
at each call, as its users have it. \`pytorch\` and
\`native-avx2\` are held to AVX2, \`pytorch-avx512\` and \`native\` use what the processor has.`;

const titles: Readonly<Record<string, string>> = {
  ceiling: 'Ceilings',
  matmul: 'Matrix products',
  attention: 'Attention',
  rows: 'Norm and activations',
  conv: 'Convolutions',
  qformer: 'Q-Former, forward',
  stage1: 'A training step of stage 1',
  stage2: 'A training step of stage 2',
  decode: 'Making text',
  caption: 'A caption, part by part',
  quantized: 'Packed weights',
};
const notes: Readonly<Record<string, string>> = {
  attention: 'onnxruntime computes it as `MultiHeadAttention`, PyTorch as `scaled_dot_product_attention`.',
  qformer: "BERT-base's width, 32 queries, features 257x1408. tfjs wasm is run once.",
  stage1:
    "Three losses, their gradients and AdamW; BERT-base's width, 32 queries, 32 tokens, features 257x1408. tfjs' wasm backend lacks a kernel that gradients need (`UnsortedSegmentSum`): its missing gradients are patched in plain JavaScript, and it is run once, without a warm-up.",
  caption:
    "A model of real width: CLIP's ViT-L/14 without its last layer, the full Q-Former, OPT-125M; one image, a prompt of 4 tokens, random weights in float32. A caption takes vision, Q-Former, what is read, and a token as often as one is made; `load` is a thirtieth of the model's 518 M values.",
  stage2:
    "The Q-Former of the paper, its gradients and AdamW, through a frozen language model; 8 images 257x1408 with 4 and 12 tokens. Both cases are this project's own: what the second costs beside the first is asked.",
  quantized:
    'Random weights of the true shapes; image encoder and language model packed, one image of 224 pixels. PyTorch is asked in float32 and in bfloat16, each in cases of its own, as both do not fit into the memory together. `a token` comes after 33 and more; its rate counts the bytes of packed matrices. SmolLM2 is the real file, the same for llama.cpp (node-llama-cpp).',
  decode: 'Every weight is read once a token: bytes bound it. Weights are float32.',
};

type Line = Recorded['results'][number];

/** Lines by the machine that they were measured on. */
function byMachine(lines: readonly Line[], newest: Environment): Map<string, Line[]> {
  const machines = new Map<string, Line[]>();
  for (const line of lines) {
    const machine = machineOf(line.environment ?? newest);
    machines.set(machine, [...(machines.get(machine) ?? []), line]);
  }
  return machines;
}

/** A table of the machines, and the versions of the newest run. */
function environments(machines: Iterable<readonly Line[]>, newest: Environment): string {
  const all = [...machines].map((lines) => lines[0]?.environment ?? newest);
  const named = Object.entries(newest.versions).map(([name, version]) => `${name} ${version}`);
  return table(
    ['machine', 'cores', 'memory', 'system', 'Node', 'date'],
    all.map(({ cpu, cores, memory, system, node, date }) => [cpu, `${cores}`, `${memory} GiB`, system, node, date]),
  ).concat(`\n\nVersions: ${named.join(', ')}.`);
}

const heads = [
  'case',
  'contender',
  'threads',
  'median ms',
  'min ms',
  'CPU ms',
  'spread',
  'rate',
  'of ceiling',
  '× simd',
  'heap',
  'process',
];

const rows = (name: string, lines: readonly Result[]): string[][] =>
  lines.map((line, i) => row(line, i === 0 ? name : '', lines));

function row(line: Result, name: string, lines: readonly Result[]): string[] {
  const { contender, threads, ms_median, ms_min, cpu_ms_min, spread, samples, gflops, gbps, of_ceiling } = line;
  const ours = (backend: string) => lines.find((one) => one.contender === backend && one.threads === 2);
  const own = ours('simd') ?? ours('native');
  return [
    name,
    contender,
    `${threads}`,
    short(ms_median),
    short(ms_min),
    cpu_ms_min === undefined ? '' : short(cpu_ms_min),
    samples > 1 ? percent(spread) : 'one run',
    gbps ? `${short(gbps)} GB/s` : gflops ? `${short(gflops)} GFLOP/s` : '',
    of_ceiling ? percent(of_ceiling) : '',
    own ? short(ms_median / own.ms_median) : '',
    mebibytes(line.heap_peak),
    mebibytes(line.rss_peak),
  ];
}

function lossText(results: readonly Result[]): string {
  const found = losses(results);
  if (found.length === 0) return 'In no case of this run is another contender faster with as many threads.';
  const lines = found.map(
    ({ bench, case: name, threads, winner, times }) =>
      `- ${bench}, ${name}, ${threads} thread${threads > 1 ? 's' : ''}: ${short(times)} times the time of ${winner}`,
  );
  return `In these cases another contender is faster with as many threads; only the fastest is named.\n\n${lines.join('\n')}`;
}

function failureText(failures: readonly Failure[]): string[] {
  if (failures.length === 0) return [];
  const lines = failures.map(
    ({ bench, case: name, contender, threads, why }) =>
      `- ${bench}, ${name}: ${labelOf({ name: contender, threads })}: ${why}`,
  );
  return [`These contenders could not do a case:\n\n${lines.join('\n')}`];
}

function barRow(bar: ReturnType<typeof bars>[number]): string[] {
  const { what, measured, atLeast, atMost } = bar;
  const met = isMet(bar);
  const wanted = atLeast !== undefined ? `at least ${short(atLeast)}` : `at most ${short(atMost as number)}`;
  return [
    what,
    wanted,
    bar.failed !== undefined ? 'it fails' : measured === undefined ? '' : short(measured),
    met === undefined ? 'not measured' : met ? 'met' : '**missed**',
  ];
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const short = (x: number): string => (x >= 1000 ? x.toFixed(0) : `${Number(x.toPrecision(3))}`);
const percent = (x: number): string => `${(100 * x).toFixed(0)} %`;
const mebibytes = (bytes: number | undefined): string => (bytes ? `${(bytes / 2 ** 20).toFixed(0)} MiB` : '');
