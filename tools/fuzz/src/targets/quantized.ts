import { readFile } from 'node:fs/promises';
import { readModelConfig } from '@blip2/models';
import { loadPlan, mismatchesOf, quantizationConfig, quantizationJson, readQuantization } from '@blip2/models/folder';
import {
  bind,
  dispose,
  embedding,
  embeddingSpec,
  isJson,
  linear,
  linearSpec,
  matrixShape,
  parseJson,
  type QuantizedFormat,
  quantize,
  quantizedFormats,
  type Tree,
} from '@blip2/tensor';
import { expectNotQuantizedByOthers } from '@blip2/tensor/files';
import { type ByteSource, encodeSafetensors, openSafetensors, packedTensor } from '@blip2/tensor/safetensors';
import { fixture } from '@blip2/testing';
import * as tf from '@tensorflow/tfjs';
import { join, mutateBytes } from '../mutate/bytes.js';
import { mutateJson } from '../mutate/json.js';
import { type Target, Unsound } from '../target.js';

const words = [
  ...['__metadata__', 'dtype', 'shape', 'data_offsets', 'U8', 'F16', 'BF16', 'I8', 'F32'],
  ...quantizedFormats.flatMap((format) => [`${format} [2,256]`, `${format} [1,32]`, `${format} [0,0]`]),
  ...[
    'Q5_0 [2,256]',
    'Q4_0 [-1,32]',
    'Q4_0 [2,1e3]',
    'Q4_0 [9007199254740993,32]',
    'I8 [2,128,2,1]',
    'I8 [2,2,2,2,32]',
    'packed:Q4_0',
    'packed:packed:Q4_0',
  ],
  ...[
    'quantization_config',
    'quant_method',
    'quantize',
    'keep',
    'int8',
    'int4',
    'blip2',
    'bitsandbytes',
    'gptq',
    'awq',
  ],
  ...['load_in_8bit', 'bits', 'text_config', 'vision_config'],
];
const SHAPE = [2, 256] as const;

/**
 * Folders of packed weights. An input that begins with a brace is `{"config": …, "header": …}`, whose tensors are zeros; any
 * other is a file with a matrix of each format, which is read, loaded and computed with.
 */
export const quantized: Target = {
  name: 'quantized',

  async seeds() {
    const values = Float32Array.from({ length: 512 }, (_, i) => Math.sin(i));
    const matrices = quantizedFormats.map((format) => ({
      name: format,
      ...packedTensor(quantize(values, SHAPE, format)),
    }));
    return [encodeSafetensors(matrices), ...(await Promise.all(['hf-opt', 'hf-t5', 'hf-itm'].map(folder)))];
  },

  mutate(input, random, other) {
    if (input[0] === 0x7b) return mutateJson(input, random, { words, other });
    const [header, data] = parts(input);
    if (header.length === 0 || random.chance(0.1)) return mutateBytes(input, random, { other });
    const changed = random.chance(0.7) ? mutateJson(header, random, { words, other: parts(other)[0] }) : header;
    const rest = random.chance(0.4) ? mutateBytes(data, random) : data;
    return join([length(changed), changed, rest]);
  },

  run: (input) => (input[0] === 0x7b ? planned(input) : loaded(input)),
};

/** Compares a model's tensors with its config, and sums their memory. */
async function planned(input: Uint8Array): Promise<void> {
  const { config, header } = parseJson(input, 'input');
  const json = isJson(config) ? config : {};
  expectNotQuantizedByOthers(json, 'folder/config.json');
  readQuantization(json, 'folder/config.json');
  const source = await openSafetensors(hollow(isJson(header) ? header : {}));
  const plan = loadPlan(source, readModelConfig(json, 'folder'));
  const { missing, unused, misshaped } = mismatchesOf(plan);
  const { total, inBlocks } = plan.memory;
  if (!(total >= 0 && inBlocks >= total && inBlocks < 2 * total + 1e7)) {
    throw new Unsound(`a model of ${total} bytes, in blocks ${inBlocks}`);
  }
  const wrong = [...missing, ...unused, ...misshaped];
  if (wrong.length > 0) throw new Error(`The tensors do not match: ${wrong.join(', ').slice(0, 500)}.`);
}

/** Reads each tensor, packed and not, loads them into a tree, and computes with those that are matrices. */
async function loaded(input: Uint8Array): Promise<void> {
  const source = await openSafetensors(input);
  try {
    for (const [name, { shape, packed }] of source.names) {
      const size = shape.reduce((a, b) => a * b, 1);
      const values = await source.read(name);
      if (values.length !== size) throw new Unsound(`${name} has ${values.length} values instead of ${size}`);
      if (packed !== undefined) await computed(name, matrixShape(shape));
    }
  } finally {
    await source.close();
  }

  async function computed(name: string, [output, input]: readonly [number, number]): Promise<void> {
    if (output * input > 2 ** 16 || output * input === 0) return;
    const spec = { layer: { ...linearSpec(input, output, { bias: false }) }, table: embeddingSpec(output, input) };
    const names = new Map([[name, { shape: [output, input], dtype: 'F32' }]]);
    const p = await bind(spec, { ...source, names }, { rename: () => name });
    const [y, row] = tf.tidy(() => [
      linear(p.layer, tf.ones([1, input])),
      embedding(p.table, tf.tensor1d([output - 1], 'int32')),
    ]) as [tf.Tensor, tf.Tensor];
    const found = `${y.shape} ${row.shape}`;
    dispose([y, row, p as Tree]);
    if (found !== `1,${output} 1,${input}`) throw new Unsound(`${name} [${output},${input}] gave [${found}]`);
  }
}

/** Layers of each part that are left, so that a change is read soon: one of the Q-Former's with cross-attention, and one without. */
const LAYERS = 2;

/** The config of a fixture and the header that quantizing it to 4 bits gives. */
async function folder(name: string): Promise<Uint8Array> {
  const config = JSON.parse(await readFile(fixture(`${name}/config.json`), 'utf8'), (key, value) =>
    /layers$/.test(key) ? Math.min(value, LAYERS) : value,
  );
  const source = await openSafetensors(fixture(name));
  const header: Record<string, unknown> = {};
  const metadata: Record<string, string> = { format: 'pt' };
  let at = 0;
  for (const [tensor, { shape }] of source.names) {
    if (Number(/\.(?:layers?|block)\.(\d+)\./.exec(tensor)?.[1] ?? 0) >= LAYERS) continue;
    const [output = 0, input = 0] = shape;
    const format = formatFor(tensor, shape);
    const bytes = format
      ? output * (format === 'I8' ? input + 4 : (input / 32) * 18)
      : 4 * shape.reduce((a, b) => a * b, 1);
    if (format) metadata[`packed:${tensor}`] = `${format} [${shape}]`;
    header[tensor] = { dtype: format ? 'U8' : 'F32', shape: format ? [bytes] : shape, data_offsets: [at, at + bytes] };
    at += bytes;
  }
  await source.close();
  const json = { ...config, quantization_config: quantizationJson(quantizationConfig('int4', { family: 'opt' })) };
  return new TextEncoder().encode(JSON.stringify({ config: json, header: { __metadata__: metadata, ...header } }));
}

function formatFor(name: string, shape: readonly number[]): QuantizedFormat | undefined {
  if (shape.length !== 2 || !/^(vision|language)_model\..*\.weight$/.test(name) || /position|bias/.test(name))
    return undefined;
  return (shape[1] as number) % 32 === 0 ? 'Q4_0' : 'I8';
}

/** A file whose tensors are zeros, without its data in memory. */
function hollow(header: object): ByteSource {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = join([length(text), text]);
  const ends = Object.values(header).map((one: { data_offsets?: unknown } | null) => endOf(one?.data_offsets));
  return {
    size: start.length + Math.max(0, ...ends),
    async read(offset, count) {
      const bytes = new Uint8Array(count);
      bytes.set(start.subarray(offset, offset + count));
      return bytes;
    },
    close: async () => {},
  };
}

const endOf = (offsets: unknown): number => {
  const end: unknown = Array.isArray(offsets) ? offsets[1] : 0;
  return typeof end === 'number' && Number.isSafeInteger(end) && end >= 0 ? end : 0;
};

const length = (text: Uint8Array): Uint8Array => new Uint8Array(BigUint64Array.of(BigInt(text.length)).buffer);

function parts(input: Uint8Array): [header: Uint8Array, data: Uint8Array] {
  if (input.length < 8) return [new Uint8Array(), input];
  const size = Number(new DataView(input.buffer, input.byteOffset, 8).getBigUint64(0, true));
  return [input.subarray(8, 8 + size), input.subarray(8 + size)];
}
