import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate, type SyncLanguageModel } from '@blip2/llm';
import { imageFeatures, queryOutput } from '@blip2/qformer';
import { linearSpec, quantize } from '@blip2/tensor';
import { packedTensor, writeSafetensors } from '@blip2/tensor/safetensors';
import { cachedRealModels } from '@blip2/test-models';
import type { BenchCase, Suite, Work } from '@blip2/testing';
import { loadLanguageModel, normFeatures, type Stage1Params, type Stage2Params, softPrompt } from '@blip2/training';
import { encodePixels } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';
import { loadFile } from './load-file.js';
import { randomLanguage, randomModel } from './random-model.js';

// Models of the true shapes with packed weights, beside PyTorch's in float32 and in bfloat16: each precision has cases of its own,
// as together they do not fit into the memory of usual machines.

/** PyTorch's precisions. */
const precisions = ['float32', 'bfloat16'] as const;
type Precision = (typeof precisions)[number];

const [N, Q, MADE] = [257, 32, 20];
const vision = { N, visionLayers: 39, visionWidth: 1408, visionHeads: 16, visionInner: 6144 };
const qformer = { layers: 12, width: 768, heads: 12, inner: 3072, queries: Q, imageWidth: 1408 };
const opt = { layers: 32, width: 2560, heads: 32, inner: 10240, vocabulary: 50304 };

/** Numbers of all matrices that a token goes through, the head included. */
const read = opt.layers * (4 * opt.width ** 2 + 2 * opt.width * opt.inner) + opt.vocabulary * opt.width;
/** Bytes of them: where an OPT has 4 bits, its fc2 has 8. */
const bytes: Readonly<Record<'int8' | 'int4', number>> = {
  int8: read,
  int4: read - (1 - 18 / 32) * (read - opt.layers * opt.width * opt.inner),
};

/** What cases of so large models have in common. */
const large = { threads: 2, slow: ['simd', 'native-avx2', 'wasm', 'cpu', 'tfjs-node'] };

const pixelsOf = (): tf.Tensor4D => tf.randomNormal<tf.Rank.R4>([1, 224, 224, 3], 0, 1, 'float32', 1);

const caption = (dtype: Precision): BenchCase => ({
  ...large,
  name: `blip2-opt-2.7b int8, a caption of ${MADE} tokens; PyTorch ${dtype}`,
  work: { op: 'imageCaption', dtype, made: MADE, ...vision, ...prefixed(qformer), ...opt },
  prepare: async () => {
    const model = await randomModel('blip2-opt-2.7b', 'int8');
    const pixels = pixelsOf();
    const promptIds = tf.tensor2d([[2]], [1, 1], 'int32');
    return {
      run: async () => {
        const features = await encodePixels(model.vision, pixels);
        const prompt = softPrompt(model.params as Stage2Params, model.config.qformer, features);
        features.dispose();
        const options = { minNewTokens: MADE, maxNewTokens: MADE };
        await generate(model.language!, { softPrompt: prompt, promptIds }, options);
        prompt.dispose();
      },
      dispose: () => {
        tf.dispose([pixels, promptIds]);
        model.dispose();
      },
    };
  },
});

const token = (quantization: 'int8' | 'int4', dtype: Precision): BenchCase => ({
  ...large,
  name: `OPT-2.7B ${quantization}, a token; PyTorch ${dtype}`,
  work: { op: 'token', dtype, ...opt, past: Q + 1 },
  bytes: bytes[quantization],
  prepare: async () => {
    const model = (await randomLanguage('blip2-opt-2.7b', quantization)) as SyncLanguageModel;
    const prompt = {
      softPrompt: tf.randomNormal<tf.Rank.R3>([1, Q, opt.width], 0, 1, 'float32', 1),
      promptIds: tf.tensor2d([[2]], [1, 1], 'int32'),
    };
    const state = model.start(prompt);
    return {
      run: () => state.step([5]),
      dispose: () => {
        state.dispose();
        tf.dispose([prompt.softPrompt, prompt.promptIds]);
        model.dispose?.();
      },
    };
  },
});

const indexing: BenchCase = {
  ...large,
  name: 'blip2-itm-vit-g int8, indexing an image; PyTorch float32',
  work: { op: 'imageCaption', dtype: 'float32', made: 0, ...vision, ...prefixed(qformer) },
  prepare: async () => {
    const { vision, params, config, dispose } = await randomModel('blip2-itm-vit-g', 'int8');
    const pixels = pixelsOf();
    return {
      run: async () => {
        const features = await encodePixels(vision, pixels);
        const p = params as Stage1Params;
        tf.tidy(() => void imageFeatures(p, queryOutput(p, config.qformer, normFeatures(p, features))));
        features.dispose();
      },
      dispose: () => {
        pixels.dispose();
        dispose();
      },
    };
  },
};

const SPOKEN = 32;
const smollm2 = cachedRealModels()?.smollm2;

/** A real language model from its file; `npm run real-models` gets it. */
const smolLm2: BenchCase = {
  name: `SmolLM2-135M Q4_1, ${SPOKEN} tokens`,
  work: { op: 'gguf', file: smollm2 ?? '', made: SPOKEN },
  slow: ['wasm', 'cpu', 'tfjs-node'],
  prepare: async () => {
    if (smollm2 === undefined) throw new Error("it needs the real models; 'npm run real-models' gets them");
    const model = await loadLanguageModel(smollm2);
    const promptIds = tf.tensor2d([[1, 5, 7, 11]], [1, 4], 'int32');
    const options = { minNewTokens: SPOKEN, maxNewTokens: SPOKEN };
    return {
      run: async () => void (await generate(model, { promptIds }, options)),
      dispose: () => {
        promptIds.dispose();
        model.dispose?.();
      },
    };
  },
};

/** The sizes of a Q-Former beside those of a language model. */
function prefixed({ layers, width, heads, inner, queries }: typeof qformer): Omit<Work, 'op'> {
  return { queries, qformerLayers: layers, qformerWidth: width, qformerHeads: heads, qformerInner: inner };
}

const [MATRICES, SIDE] = [8, 4096];

/** Packed matrices from a file in the system's cache, to where they stay. */
const loading: BenchCase = {
  name: `load ${(MATRICES * SIDE * SIDE) / 2 ** 20} MiB of int8`,
  bytes: 2 * MATRICES * SIDE * SIDE,
  slow: ['wasm', 'cpu', 'tfjs-node'],
  prepare: async () => {
    const path = join(tmpdir(), `blip2-bench-packed-${process.pid}.safetensors`);
    const shape = [SIDE, SIDE] as const;
    const values = Float32Array.from({ length: SIDE * SIDE }, (_, i) => ((i % 1009) - 504) / 16384);
    const packed = packedTensor(quantize(values, shape, 'I8'));
    const names = Array.from({ length: MATRICES }, (_, i) => `m${i}`);
    await writeSafetensors(
      path,
      names.map((name) => ({ name: `${name}.weight`, ...packed })),
    );
    const spec = Object.fromEntries(names.map((name) => [name, linearSpec(SIDE, SIDE, { bias: false })]));
    return loadFile(path, spec);
  },
};

const suite: Suite = {
  bench: 'quantized',
  cases: [
    ...precisions.map(caption),
    ...(['int8', 'int4'] as const).flatMap((quantization) => precisions.map((dtype) => token(quantization, dtype))),
    indexing,
    smolLm2,
    loading,
  ],
};
export default suite;
