import { createTokenizer, padBatch, toIdTensors, trainByteLevelBpe } from '@blip2/data';
import { labelsOf, optConfig, optLogits, optSpec } from '@blip2/llm';
import { lm } from '@blip2/losses';
import { flatten, initialise, type LossTerms, unflatten } from '@blip2/tensor';
import { adamw, cosineLr, type TrainStep, train } from '@blip2/trainer';
import { byLength, corpus, LONGEST, readings } from './corpus.js';
import { takeOver, writeFolder } from './folder.js';

const VOCABULARY = 2048;
const READINGS = 150_000;

/** `config.json` of the small language model. */
const languageJson = (vocabSize: number) => ({
  architectures: ['OPTForCausalLM'],
  model_type: 'opt',
  vocab_size: vocabSize,
  hidden_size: 192,
  word_embed_proj_dim: 192,
  num_hidden_layers: 4,
  num_attention_heads: 6,
  ffn_dim: 768,
  max_position_embeddings: 128,
  activation_function: 'relu',
  do_layer_norm_before: true,
  dropout: 0,
  attention_dropout: 0,
  bos_token_id: 2,
  eos_token_id: 2,
  pad_token_id: 1,
  tie_word_embeddings: true,
});

export interface TextOptions {
  folder: string;
  steps: number;
  batch: number;
  seed: number;
  /** The folder of a model to go on from, whose texts were the same. Default: from random numbers. */
  from?: string | undefined;
}

/** Trains an OPT on the texts alone and writes its folder. */
export async function pretrainLanguage(options: TextOptions, onStep: (step: TrainStep) => void): Promise<void> {
  const { folder, steps, batch, seed, from } = options;
  const texts = corpus();
  const files = trainByteLevelBpe(texts, { vocabSize: VOCABULARY });
  const tokenizer = createTokenizer(files);
  const json = languageJson(tokenizer.vocabSize);
  const config = optConfig(json);
  const ids = (text: string): number[] => [...tokenizer.encode(text), config.bos];
  const alone = texts.map(ids).filter((row) => row.length <= LONGEST);
  // as after a soft prompt, the second text begins with BOS
  const read = readings(READINGS).map(([context, text]) => [...tokenizer.encode(context), ...ids(text)]);
  const rows = [...alone, ...read];
  const next = byLength(rows, { batch, seed });
  const spec = optSpec(config);
  const trainable = flatten(initialise(spec, seed));
  if (from) await takeOver(trainable, from);
  const run = train({
    trainable,
    batch: ({ position }) => toIdTensors(padBatch(next(position), { pad: config.pad })),
    loss: ({ trainable, batch: { ids, mask } }): LossTerms => {
      const logits = optLogits(unflatten(spec, trainable), config, { ids, mask });
      const loss = lm(logits, labelsOf(ids, { mask }));
      return { total: loss };
    },
    optimiser: adamw({ betas: [0.9, 0.98], weightDecay: 0.05 }),
    schedule: cosineLr({ peak: 1.5e-3, min: 2e-5, warmupSteps: 60, steps }),
    steps,
    seed,
    clip: 1,
    logEvery: 50,
  });
  for await (const step of run) onStep(step);
  const { tokenizer: tokenizerJson, config: tokenizerConfig } = files;
  await writeFolder(
    folder,
    { 'config.json': json, 'tokenizer.json': tokenizerJson, 'tokenizer_config.json': tokenizerConfig ?? {} },
    unflatten(spec, trainable),
  );
}
