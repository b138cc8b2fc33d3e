import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTokenizer } from '@blip2/data';
import { languageConfig, languageSpec } from '@blip2/llm';
import { countParameters } from '@blip2/tensor';
import {
  ggufTokenizer,
  huggingFaceConfig,
  huggingFaceGeneration,
  huggingFaceWeights,
  openGguf,
} from '@blip2/tensor/gguf';
import { fixture } from '@blip2/testing';
import { mutateBytes } from '../mutate/bytes.js';
import { type Target, Unsound } from '../target.js';

/** GGUF files: their header, weights, and what configuration and tokenizer are made of their metadata. */
export const gguf: Target = {
  name: 'gguf',

  async seeds() {
    const names = ['types.gguf', 'byte-level.gguf', 'sentencepiece.gguf'];
    const files = await Promise.all(names.map((name) => readFile(join(fixture('gguf'), name))));
    const language = await readFile(join(fixture('gguf'), 'language', 'model.gguf'));
    // most changes should meet the header: the data at the end of the largest are left out of some
    return [...files, language, language.subarray(0, 24_000)].map((bytes) => Uint8Array.from(bytes));
  },

  mutate: (input, random, other) => {
    const header = Math.min(input.length, random.chance(0.7) ? 12_000 : input.length);
    const changed = mutateBytes(input.slice(0, header), random, { other });
    const out = new Uint8Array(changed.length + input.length - header);
    out.set(changed);
    out.set(input.subarray(header), changed.length);
    return out;
  },

  async run(input) {
    const source = await openGguf(input);
    const errors: unknown[] = [];
    const attempt = async (read: () => unknown): Promise<void> => {
      try {
        await read();
      } catch (error) {
        if (error instanceof Unsound) throw error;
        errors.push(error);
      }
    };
    try {
      // few, so that most of the time goes to headers
      for (const [name, { shape }] of [...source.names].slice(0, 8)) {
        const values = await source.read(name);
        const count = shape.reduce((a, b) => a * b, 1);
        if (values.length !== count) throw new Unsound(`${name} has ${values.length} values instead of ${count}`);
      }
      await attempt(async () => {
        const config = languageConfig(await huggingFaceConfig(source), huggingFaceGeneration(source));
        const parameters = countParameters(languageSpec(config));
        if (!(parameters >= 0)) throw new Unsound(`a model of ${parameters} parameters`);
        const weights = huggingFaceWeights(source);
        for (const name of [...weights.names.keys()].filter((one) => /[qk]_proj/.test(one))) await weights.read(name);
      });
      await attempt(() => createTokenizer(ggufTokenizer(source)).encode("it's a cat 12 🙂"));
    } finally {
      await source.close();
    }
    const [last] = errors.slice(-1);
    if (last) throw last;
  },
};
