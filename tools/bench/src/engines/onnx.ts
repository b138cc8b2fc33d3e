import { readFileSync } from 'node:fs';
import { onnxModel } from '@blip2/testing/onnx';
import type { Contender } from '../contender.js';
import { graphOf } from '../onnx/graphs.js';
import { type Peer, peerFiles, requirePeer } from '../peers.js';
import { type Engine, serve } from '../serve.js';
import { randomValues } from '../values.js';

// As much of onnxruntime-common as is used here: the peers are no dependency, so that their types are not there.
interface Session {
  run(feeds: Record<string, object>): Promise<Record<string, { dispose?(): void }>>;
  release(): Promise<void>;
}
interface OnnxRuntime {
  readonly env: { readonly wasm: { numThreads?: number } };
  readonly Tensor: new (type: 'float32', values: Float32Array, shape: readonly number[]) => object;
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> };
}

/** The process of onnxruntime, as a native library or as wasm. */
async function open({ name, threads }: Contender): Promise<Engine> {
  const ort = requirePeer<OnnxRuntime>(name);
  const native = name === 'onnxruntime-node';
  if (!native) ort.env.wasm.numThreads = threads;
  const options = native ? { intraOpNumThreads: threads, interOpNumThreads: 1 } : {};
  return {
    versions: { [name]: versionOf(name as Peer) },
    async prepare({ work }) {
      if (!work) throw new Error('it does not know this case');
      const graph = graphOf(work);
      const session = await ort.InferenceSession.create(onnxModel(graph), {
        executionProviders: [native ? 'cpu' : 'wasm'],
        ...options,
      });
      const feeds = Object.fromEntries(
        (Object.entries(graph.inputs) as [string, readonly number[]][]).map(([input, shape], i) => {
          const size = shape.reduce((a, b) => a * b, 1);
          return [input, new ort.Tensor('float32', randomValues(size, i + 1), shape)];
        }),
      );
      return {
        async run() {
          for (const made of Object.values(await session.run(feeds))) made.dispose?.();
        },
        dispose: () => session.release(),
      };
    },
  };
}

const versionOf = (peer: Peer): string => JSON.parse(readFileSync(peerFiles[peer], 'utf8')).version as string;

serve(() => open(JSON.parse(process.argv[2] as string) as Contender));
