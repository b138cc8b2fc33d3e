import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate, type SyncDecodingState, type SyncLanguageModel } from '@blip2/llm';
import { dispose, normal, param } from '@blip2/tensor';
import { encodeSafetensors } from '@blip2/tensor/safetensors';
import type { BenchCase, Suite, Work } from '@blip2/testing';
import { softPrompt } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { loadFile } from './load-file.js';
import { queryConfig, realLanguage, realQFormer, realVision, textConfig, visionConfig } from './real-width.js';

// The parts of a caption, one after the other: what a person waits for.

const [N, PROMPT, BEAMS, MADE] = [257, 4, 5, 16];
const Q = queryConfig.queries;
const READ = Q + PROMPT;
const slow = ['wasm', 'cpu'];

const { hiddenSize: D, intermediateSize: F, layers, heads } = visionConfig;
const depth = layers - 1;
const { hiddenSize: W, ffnSize: I, vocabSize: V, layers: blocks } = textConfig;
const language: Omit<Work, 'op'> = { layers: blocks, width: W, heads: textConfig.heads, inner: I, vocabulary: V };
/** Numbers of all matrices that a token goes through. */
const read = blocks * (4 * W * W + 2 * W * I) + V * W;

const STORED = 16 * 2 ** 20;

/** Half precision from a file in the system's cache, widened into tensors. */
const load: BenchCase = {
  name: `load ${STORED / 2 ** 20} Mi values of F16`,
  work: { op: 'load', values: STORED },
  bytes: (2 + 4) * STORED,
  prepare: () => {
    const path = join(tmpdir(), `blip2-bench-${process.pid}.safetensors`);
    const rows = STORED / 4096;
    const names = ['a', 'b', 'c', 'd'];
    const data = Float32Array.from({ length: STORED / 4 }, (_, i) => ((i % 1009) - 504) / 16384);
    const shape = [rows / 4, 4096];
    writeFileSync(path, encodeSafetensors(names.map((name) => ({ name, dtype: 'F16', shape, data }))));
    const spec = Object.fromEntries(names.map((name) => [name, param(shape, normal(1))]));
    return loadFile(path, spec);
  },
};

const vision: BenchCase = {
  name: `ViT-L/14, ${depth} layers, 1 image`,
  work: { op: 'vit', B: 1, N, layers: depth, width: D, heads, inner: F },
  flops: 2 * depth * N * (4 * D * D + 2 * D * F + 2 * N * D),
  slow,
  prepare: () => {
    const encoder = realVision();
    const pixels = tf.randomNormal<tf.Rank.R4>([1, 224, 224, 3], 0, 1, 'float32', 1);
    return {
      run: () => encoder.encode(pixels).dispose(),
      dispose: () => {
        encoder.dispose();
        pixels.dispose();
      },
    };
  },
};

const look: BenchCase = {
  name: 'Q-Former, 12 layers, 1 image, to the soft prompt',
  work: { op: 'qformer', B: 1, N, layers: 12, width: 768, heads: 12, inner: 3072, queries: Q, imageWidth: D },
  slow,
  prepare: () => {
    const p = realQFormer();
    const features = tf.randomNormal<tf.Rank.R3>([1, N, D], 0, 1, 'float32', 1);
    return {
      run: () => softPrompt(p, queryConfig, features).dispose(),
      dispose: () => {
        dispose(p);
        features.dispose();
      },
    };
  },
};

/** A case about OPT-125M that has read an image and a prompt. */
const generationMethods = (
  one: Omit<BenchCase, 'prepare'>,
  prepare: (say: Speaking) => () => void | Promise<void>,
): BenchCase => ({
  ...one,
  slow,
  prepare: () => {
    const model = realLanguage();
    const prompt = {
      softPrompt: tf.randomNormal<tf.Rank.R3>([1, Q, W], 0, 1, 'float32', 1),
      promptIds: tf.tensor2d([[2, 5, 7, 11]], [1, PROMPT], 'int32'),
    };
    let state: SyncDecodingState | undefined;
    const started = (rows: number): SyncDecodingState => {
      state = model.start(prompt);
      if (rows > 1) state.reorder(new Array<number>(rows).fill(0));
      return state;
    };
    return {
      run: prepare({ model, prompt, started }),
      dispose: () => {
        state?.dispose();
        dispose(prompt);
        model.dispose?.();
      },
    };
  },
});

interface Speaking {
  readonly model: SyncLanguageModel;
  readonly prompt: { softPrompt: tf.Tensor3D; promptIds: tf.Tensor2D };
  /** A state of so many rows that goes with the case. */
  started(rows: number): SyncDecodingState;
}

const prefill = generationMethods(
  { name: `OPT-125M, ${READ} read`, work: { op: 'prefill', ...language, read: READ }, flops: 2 * READ * read },
  ({ model, prompt }) =>
    () =>
      model.start(prompt).dispose(),
);

const token = (rows: number): BenchCase =>
  generationMethods(
    {
      name: `OPT-125M, a token${rows > 1 ? ` of ${rows} beams, reordered` : ''}`,
      work: { op: 'beamToken', ...language, past: READ, rows },
      flops: 2 * rows * read,
      bytes: 4 * read,
    },
    ({ started }) => {
      const state = started(rows);
      const parents = Array.from({ length: rows }, (_, row) => Math.max(0, row - 1)); // the first has two children
      return () => {
        if (rows > 1) state.reorder(parents);
        state.step(new Array<number>(rows).fill(5));
      };
    },
  );

const search = generationMethods(
  {
    name: `OPT-125M, ${READ} read, ${MADE} tokens made by ${BEAMS} beams`,
    work: { op: 'beamSearch', ...language, read: READ, beams: BEAMS, made: MADE },
    bytes: 4 * read * (1 + MADE),
  },
  ({ model, prompt }) =>
    async () => {
      await generate(model, prompt, { beams: BEAMS, minNewTokens: MADE, maxNewTokens: MADE });
    },
);

const suite: Suite = { bench: 'caption', cases: [load, vision, look, prefill, token(1), token(BEAMS), search] };
export default suite;
