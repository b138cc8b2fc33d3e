import { type Initializer, type ParamSpec, type Params, param, type Spec, uniform, zeros } from '@blip2/tensor';

/** The keys of a configuration that determine the blocks of a network. */
export interface NetworkConfig {
  /** Lite0 to Lite4: 1 and 1, 1 and 1.1, 1.1 and 1.2, 1.2 and 1.4, 1.4 and 1.8. */
  readonly widthCoefficient: number;
  readonly depthCoefficient: number;
  /** Stride of the feature map in pixels. With 16, the last stride is replaced by dilation. */
  readonly outputStride: 16 | 32;
  /** Stages (1 to 7) whose feature maps are returned, ascending; those of earlier ones are averaged to the grid of the last. */
  readonly outputStages: readonly number[];
}

/** An inverted bottleneck: expansion, depthwise convolution, projection (MBConv, Sandler et al. 2018). */
export interface BlockPlan {
  readonly stage: number;
  readonly input: number;
  /** Channels after the expansion; equal to those of the input where there is none. */
  readonly inner: number;
  readonly output: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
}

/** The sizes of a network. */
export interface NetworkPlan {
  /** Channels of the stem, a convolution with stride 2. */
  readonly stem: number;
  readonly blocks: readonly BlockPlan[];
}

const STEM = 32;

/** EfficientNet-B0 (Tan and Le 2019, table 1). */
const STAGES = [
  { repeats: 1, kernel: 3, stride: 1, expansion: 1, output: 16 },
  { repeats: 2, kernel: 3, stride: 2, expansion: 6, output: 24 },
  { repeats: 2, kernel: 5, stride: 2, expansion: 6, output: 40 },
  { repeats: 3, kernel: 3, stride: 2, expansion: 6, output: 80 },
  { repeats: 3, kernel: 5, stride: 1, expansion: 6, output: 112 },
  { repeats: 4, kernel: 5, stride: 2, expansion: 6, output: 192 },
  { repeats: 1, kernel: 3, stride: 1, expansion: 6, output: 320 },
] as const;

/** Stages are counted from 1. */
export const LAST_STAGE = STAGES.length;

/** Channels after each stage: multiples of 8, at least 0.9 of the scaled number. */
export function stageWidths(coefficient: number): readonly number[] {
  return STAGES.map(({ output }) => {
    const wanted = output * coefficient;
    const rounded = Math.max(8, Math.floor((wanted + 4) / 8) * 8);
    return rounded < 0.9 * wanted ? rounded + 8 : rounded;
  });
}

/** The sizes of a configuration's network. Lite networks scale neither the stem nor the repeats of the first and the last stage. */
export function networkOf(config: NetworkConfig): NetworkPlan {
  const widths = stageWidths(config.widthCoefficient);
  const blocks: BlockPlan[] = [];
  let input = STEM;
  let reached = 2;
  let dilation = 1;
  for (const [i, { repeats, kernel, stride, expansion }] of STAGES.entries()) {
    if (i >= (config.outputStages.at(-1) as number)) break;
    const output = widths[i] as number;
    const ends = i === 0 || i + 1 === LAST_STAGE;
    const count = ends ? repeats : Math.ceil(config.depthCoefficient * repeats);
    for (let repeat = 0; repeat < count; repeat++) {
      const wanted = repeat === 0 ? stride : 1;
      const strides = reached * wanted <= config.outputStride ? wanted : 1;
      blocks.push({ stage: i + 1, input, inner: input * expansion, output, kernel, stride: strides, dilation });
      reached *= strides;
      dilation *= wanted / strides; // what follows a stride that is left out looks as far as before
      input = output;
    }
  }
  return { stem: STEM, blocks };
}

/** A convolution with its batch norm folded in; the filter is [O,I,k,k] as in PyTorch, depthwise [O,1,k,k]. */
export type Convolution = { readonly weight: ParamSpec; readonly bias: ParamSpec };

/** Initializes a filter so that variance is kept (He et al. 2015). */
const kept: Initializer = (shape, random) => {
  const [, input = 1, height = 1, width = 1] = shape;
  return uniform(Math.sqrt(6 / (input * height * width)))(shape, random);
};

const convolution = (output: number, input: number, kernel: number): Convolution => ({
  weight: param([output, input, kernel, kernel], kept),
  bias: param([output], zeros),
});

/** A 1x1 convolution, which is a linear layer at each position. */
const pointwise = (output: number, input: number): Convolution => ({
  weight: param([output, input, 1, 1], kept, { packable: true }),
  bias: param([output], zeros),
});

const blockSpec = ({ input, inner, output, kernel }: BlockPlan) => ({
  expand: inner === input ? undefined : pointwise(inner, input),
  depthwise: convolution(inner, 1, kernel),
  project: pointwise(output, inner),
});

/** Describes the parameters of a network: `stem`, and `blocks` in order. */
export const networkSpec = ({ stem, blocks }: NetworkPlan) =>
  ({ stem: convolution(stem, 3, 3), blocks: blocks.map(blockSpec) }) as const satisfies Spec;

/** Describes the parameters of the network of a configuration. */
export const efficientNetSpec = (config: NetworkConfig): ReturnType<typeof networkSpec> =>
  networkSpec(networkOf(config));

/** The parameters of an EfficientNet-Lite by their names in files. */
export type NetworkParams = Params<ReturnType<typeof networkSpec>>;
