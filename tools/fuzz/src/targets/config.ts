import { readFile } from 'node:fs/promises';
import { parseProcessor } from '@blip2/data';
import { emojiConfigs } from '@blip2/demo';
import { languageConfig, languageSpec } from '@blip2/llm';
import { readModelConfig } from '@blip2/models';
import { qformerConfig, qformerSpec } from '@blip2/qformer';
import { countParameters, isJson, type Json, parseJson, type Spec } from '@blip2/tensor';
import { fixture } from '@blip2/testing';
import { unclear } from '@blip2/testing/untrusted';
import { readVisionConfig, visionSpec } from '@blip2/vision';
import { mutateJson } from '../mutate/json.js';
import { type Target, Unsound } from '../target.js';

const words = [
  ...[
    'blip-2',
    'opt',
    't5',
    'clip',
    'siglip',
    'dinov2',
    'vit',
    'blip_2_vision_model',
    'gelu',
    'relu',
    'gated-gelu',
    'instructblip',
    'efficientnet_lite',
  ],
  ...[
    'hidden_size',
    'num_hidden_layers',
    'num_attention_heads',
    'image_size',
    'patch_size',
    'intermediate_size',
    'mlp_ratio',
    'width_coefficient',
    'depth_coefficient',
    'output_stages',
    'output_stride',
    'position_channels',
  ],
  ...[
    'vocab_size',
    'd_model',
    'num_layers',
    'eos_token_id',
    'external',
    'vision_config',
    'text_config',
    'qformer_config',
  ],
  ...[
    'Blip2ForImageTextRetrieval',
    'do_resize',
    'size',
    'shortest_edge',
    'crop_size',
    'image_mean',
    'num_query_tokens',
  ],
  ...['steps', 'batchSize', 'preset', 'stage1', 'learningRate', 'seed'],
];
const folders = ['hf-opt', 'hf-itm', 'hf-t5', 'encoders/clip', 'encoders/siglip', 'encoders/dinov2', 'encoders/vit'];
/** Far above any model, far below where sums go astray. */
const LARGEST = 1e40;

/** The JSON files of a model's folder in one: `{"config": …, "generation": …, "processor": …, "train": …}`. */
export const config: Target = {
  name: 'config',

  async seeds() {
    const json = async (path: string): Promise<unknown> => {
      const text = await readFile(fixture(path), 'utf8').catch(() => '{}');
      return JSON.parse(text);
    };
    const found = folders.map(async (folder) => ({
      config: await json(`${folder}/config.json`),
      generation: await json(`${folder}/generation_config.json`),
      processor: await json(`${folder}/processor_config.json`),
      train: emojiConfigs.preset('demo'),
    }));
    return (await Promise.all(found)).map((one) => new TextEncoder().encode(JSON.stringify(one)));
  },

  mutate: (input, random, other) => mutateJson(input, random, { words, other }),

  async run(input) {
    const { config: file, generation, processor, train } = parseJson(input, 'input');
    const errors: Error[] = [];
    const attempt = (read: () => unknown): void => {
      try {
        sound(read());
      } catch (error) {
        if (unclear(error)) throw error;
        errors.push(error as Error);
      }
    };
    const json: Json = isJson(file) ? file : {};
    const said = isJson(generation) ? generation : undefined;
    attempt(() => parseProcessor(processor));
    attempt(() => emojiConfigs.parse(train));
    attempt(() => vision(readVisionConfig(file)));
    attempt(() => language(languageConfig(isJson(json.text_config) ? json.text_config : json, said)));
    attempt(() => {
      const model = readModelConfig(json, 'folder', said);
      counted(qformerSpec(model.qformer, 'pretraining'));
      if (!('external' in model.vision)) vision(model.vision);
      if (model.language && !('external' in model.language)) language(model.language);
      return model;
    });
    attempt(() => qformerConfig(json));
    const [last] = errors.slice(-1);
    if (last) throw last;
  },
};

function vision(config: ReturnType<typeof readVisionConfig>): unknown {
  counted(visionSpec(config, { finalNorm: true }));
  return config;
}

function language(config: ReturnType<typeof languageConfig>): unknown {
  counted(languageSpec(config));
  return config;
}

function counted(spec: Spec): void {
  const count = countParameters(spec);
  if (!(count >= 0 && count < LARGEST)) throw new Unsound(`a model of ${count} parameters`);
}

/** No number in what was read is one that later sums go astray with. */
function sound(value: unknown): void {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Unsound(`the number ${value}`);
  if (typeof value === 'object' && value !== null) for (const one of Object.values(value)) sound(one);
}
