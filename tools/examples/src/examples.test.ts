import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { applyProcessor, decodeImage, toPixels } from '@blip2/data';
import { starterUrl } from '@blip2/starter';
import { drawShapes, writeShapes } from '@blip2/test-models';
import { expectClose, fixture } from '@blip2/testing';
import { type Node, onnxModel } from '@blip2/testing/onnx';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { processor } from './processor.js';

const images = ['chelsea.png', 'coffee.png', 'rocket.jpg'].map((name) => fixture(`photos/${name}`));
const [PATCH, D] = [8, 8];

/** One convolution and a ReLU, the encoder of every example: filter [kh,kw,in,out]. */
const filter = Float32Array.from({ length: PATCH * PATCH * 3 * D }, (_, i) => 0.2 * Math.sin(0.7 * i));
let folder: string;
let expected: Float32Array; // [1,16,8] of the first image

beforeAll(async () => {
  await tf.setBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'examples-'));
  const pixels = toPixels([applyProcessor(await decodeImage(images[0] as string), processor)], processor);
  const weight = tf.tensor4d(filter, [PATCH, PATCH, 3, D]);
  expected = tf.relu(tf.conv2d(pixels, weight, PATCH, 'valid')).dataSync() as Float32Array;
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs an example in a process of its own and checks the features of the first image and the losses. */
async function runExample(name: string, model: string): Promise<void> {
  const args = ['--conditions=@blip2/source', '--import', 'tsx', `src/${name}.ts`, model, ...images];
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd });
  const result = JSON.parse(stdout);
  expect(result).toMatchObject({ backend: 'simd', shape: [1, 16, D] });
  expectClose(tf.tensor1d(result.features), expected, 1e-2); // features are kept in half precision
  expect(result.losses).toHaveLength(2);
  for (const loss of result.losses) expect(loss).toBeGreaterThan(0);
}

/** The filter as ONNX has it, [out,in,kh,kw]. */
function onnxFilter(): Float32Array {
  const weight = tf.transpose(tf.tensor4d(filter, [PATCH, PATCH, 3, D]), [3, 2, 0, 1]);
  return weight.dataSync() as Float32Array;
}

const convolution: Node[] = [
  {
    op: 'Conv',
    inputs: ['pixel_values', 'filter'],
    output: 'maps',
    attributes: { kernel_shape: [PATCH, PATCH], strides: [PATCH, PATCH] },
  },
];
const constants = () => ({ filter: { shape: [D, 3, PATCH, PATCH], values: onnxFilter() } });
const inputs = { pixel_values: ['batch', 3, 'height', 'width'] };

test('onnxruntime-node', async () => {
  const file = join(folder, 'encoder.onnx');
  const model = onnxModel({
    nodes: [...convolution, { op: 'Relu', inputs: ['maps'], output: 'feature_map' }],
    inputs,
    output: { name: 'feature_map', shape: ['batch', D, 'rows', 'columns'] },
    constants: constants(),
  });
  await writeFile(file, model);
  await runExample('onnx-encoder', file);
}, 120_000);

test('@huggingface/transformers', async () => {
  const model = join(folder, 'vit');
  await mkdir(join(model, 'onnx'), { recursive: true });
  await writeFile(join(model, 'config.json'), JSON.stringify({ model_type: 'vit', hidden_size: D }));
  const graph = onnxModel({
    nodes: [
      ...convolution,
      { op: 'Relu', inputs: ['maps'], output: 'positive' },
      { op: 'Reshape', inputs: ['positive', 'sizes'], output: 'flat' }, // [B,D,N]
      { op: 'Transpose', inputs: ['flat'], output: 'last_hidden_state', attributes: { perm: [0, 2, 1] } },
    ],
    inputs,
    output: { name: 'last_hidden_state', shape: ['batch', 'patches', D] },
    constants: { ...constants(), sizes: { shape: [3], values: BigInt64Array.of(0n, BigInt(D), -1n) } },
  });
  await writeFile(join(model, 'onnx', 'model.onnx'), graph);
  await runExample('transformers', model);
}, 120_000);

/** A model's artifacts in one JSON file. */
async function save(name: string, { weightData, ...artifacts }: tf.io.ModelArtifacts): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, JSON.stringify({ ...artifacts, weightData: [...new Uint8Array(weightData as ArrayBuffer)] }));
  return file;
}

test('a LayersModel', async () => {
  const conv = tf.layers.conv2d({
    filters: D,
    kernelSize: PATCH,
    strides: PATCH,
    useBias: false,
    activation: 'relu',
    inputShape: [32, 32, 3],
  });
  const model = tf.sequential({ layers: [conv] });
  conv.setWeights([tf.tensor4d(filter, [PATCH, PATCH, 3, D])]);
  let file = '';
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      file = await save('layers.json', artifacts);
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
    }),
  );
  await runExample('layers-model', file);
}, 120_000);

test('a GraphModel', async () => {
  const type = { type: 'DT_FLOAT' };
  const list = (...i: number[]) => ({ list: { i: i.map(String) } });
  const size = (...dim: number[]) => ({ shape: { dim: dim.map((one) => ({ size: String(one) })) } });
  const text = (s: string) => ({ s: Buffer.from(s).toString('base64') });
  const modelTopology = {
    node: [
      { name: 'pixels', op: 'Placeholder', attr: { dtype: type, shape: size(-1, 32, 32, 3) } },
      { name: 'filter', op: 'Const', attr: { dtype: type } },
      {
        name: 'convolution',
        op: 'Conv2D',
        input: ['pixels', 'filter'],
        attr: {
          T: type,
          strides: list(1, PATCH, PATCH, 1),
          dilations: list(1, 1, 1, 1),
          padding: text('VALID'),
          data_format: text('NHWC'),
        },
      },
      { name: 'features', op: 'Relu', input: ['convolution'], attr: { T: type } },
    ],
    versions: { producer: 1 },
  };
  const file = await save('graph.json', {
    modelTopology,
    weightSpecs: [{ name: 'filter', shape: [PATCH, PATCH, 3, D], dtype: 'float32' }],
    weightData: filter.buffer as ArrayBuffer,
  });
  await runExample('graph-model', file);
}, 120_000);

/** Runs the command line in a process of its own. */
async function blip2(args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  const cli = fileURLToPath(new URL('../../../packages/blip2/src/cli/main.ts', import.meta.url));
  const all = ['--conditions=@blip2/source', '--import', 'tsx', cli, ...args, '--threads', '1', '--json'];
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, all, { cwd, env: { ...process.env, ...env } });
  return stdout;
}

test('modules for --vision and --language: train, caption, search and evaluate from the command line', async () => {
  const model = onnxModel({
    nodes: [...convolution, { op: 'Relu', inputs: ['maps'], output: 'feature_map' }],
    inputs,
    output: { name: 'feature_map', shape: ['batch', D, 'rows', 'columns'] },
    constants: constants(),
  });
  const at = (name: string): string => join(folder, 'modules', name);
  await mkdir(at('photos'), { recursive: true });
  await writeFile(at('encoder.onnx'), model);
  await writeShapes(at('photos'), 'jsonl', await drawShapes(24));
  const stage = { steps: 2, batchSize: 4, warmupSteps: 1 };
  const qformer = { queries: 4, hiddenSize: 32, heads: 2, intermediateSize: 64 };
  await writeFile(at('tiny.json'), JSON.stringify({ preset: 'small', qformer, stage1: stage, stage2: stage }));
  const env = {
    ENCODER: at('encoder.onnx'),
    LANGUAGE: fileURLToPath(starterUrl('language')),
    BLIP2_CACHE: at('cache'),
  };
  const vision = ['--vision', 'src/vision-module.js'];
  const both = [...vision, '--language', 'src/language-module.js'];
  const out = at('run');
  const steps = await blip2(['train', '--data', at('photos'), '--config', at('tiny.json'), '--out', out, ...both], env);
  expect(steps.trim().split('\n')).toHaveLength(4);
  for (const [stage, external] of [
    ['stage1', { vision_config: { external: 'my encoder' } }],
    ['stage2', { vision_config: { external: 'my encoder' }, text_config: { external: 'my language model' } }],
  ] as const) {
    expect(JSON.parse(await readFile(join(out, stage, 'config.json'), 'utf8'))).toMatchObject(external);
  }
  const tuned = [
    'train',
    '--data',
    at('photos'),
    '--model',
    out,
    '--out',
    at('tuned'),
    '--steps',
    '2',
    '--batch-size',
    '4',
  ];
  expect((await blip2([...tuned, ...both], env)).trim().split('\n')).toHaveLength(4);
  const photo = at('photos/images/0001.png');
  const on = ['--model', out];
  const { caption } = JSON.parse(await blip2(['caption', photo, ...on, ...both], env)) as { caption: unknown };
  expect(typeof caption).toBe('string');
  const index = at('photos.index');
  await blip2(['index', at('photos'), '--out', index, ...on, ...vision], env);
  const found = (await blip2(['search', 'a red circle', '--index', index, '--top', '3', ...vision], env)).trim();
  expect(found.split('\n')).toHaveLength(3);
  const predictions = at('captions.json');
  const flags = ['--data', at('photos'), '--predictions', predictions, '--beams', '2', '--max-new-tokens', '5'];
  const scores = JSON.parse(await blip2(['eval', ...on, ...flags, ...both], env)) as Record<string, object>;
  expect(scores).toMatchObject({
    retrieval: { images: 24, candidates: 48 },
    captions: { n: 24, bleu: { bleu1: expect.any(Number) }, rougeL: expect.any(Number) },
    decoding: { beams: 2, maxNewTokens: 5 },
  });
  const written = JSON.parse(await readFile(predictions, 'utf8')) as object[];
  expect(written).toHaveLength(24);
  expect(written[0]).toEqual({ image_id: expect.anything(), caption: expect.any(String) });
}, 240_000);
