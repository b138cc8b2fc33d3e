import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import type { Contender } from '../contender.js';
import { peerFiles } from '../peers.js';
import { type Engine, serve } from '../serve.js';

/** What is used of node-llama-cpp. */
interface NodeLlamaCpp {
  getLlama(options: { gpu: false; build: 'never'; skipDownload: true; maxThreads: number; logLevel: string }): Promise<{
    loadModel(options: { modelPath: string }): Promise<Model>;
  }>;
}
interface Model {
  createContext(options: { threads: number; contextSize: number }): Promise<Context>;
  dispose(): Promise<void>;
}
interface Context {
  getSequence(): {
    evaluate(tokens: number[], options: { temperature: number; yieldEogToken: boolean }): AsyncIterable<number>;
    clearHistory(): Promise<void>;
  };
}

/** The process of llama.cpp, with the program that comes with node-llama-cpp. */
async function open({ threads }: Contender): Promise<Engine> {
  const { version, main } = JSON.parse(await readFile(peerFiles['llama.cpp'], 'utf8')) as Record<string, string>;
  const url = new URL(main as string, pathToFileURL(peerFiles['llama.cpp']));
  const { getLlama } = (await import(url.href)) as NodeLlamaCpp;
  const llama = await getLlama({
    gpu: false,
    build: 'never',
    skipDownload: true,
    maxThreads: threads,
    logLevel: 'error',
  });
  return {
    versions: { 'node-llama-cpp': version as string },
    async prepare({ work }) {
      const { file, made } = work as { op: string; file: string; made: number };
      const model = await llama.loadModel({ modelPath: file });
      const sequence = (await model.createContext({ threads, contextSize: 256 })).getSequence();
      return {
        async run() {
          let left = made;
          const tokens = sequence.evaluate([1, 5, 7, 11], { temperature: 0, yieldEogToken: true });
          for await (const _ of tokens) if (--left === 0) break;
          await sequence.clearHistory();
        },
        dispose: () => model.dispose(),
      };
    },
  };
}

serve(() => open(JSON.parse(process.argv[2] as string) as Contender));
