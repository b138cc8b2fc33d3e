import { createTokenizer, padBatch, toIdTensors, trainByteLevelBpe } from '@blip2/data';
import { loadNouns } from '@blip2/emoji';
import { labelsOf, type OptParams, optConfig, optEmbed, optLogits, optPredict, optSpec } from '@blip2/llm';
import { lm } from '@blip2/losses';
import { flatten, hash, initialize, type LossTerms, unflatten } from '@blip2/tensor';
import { adamw, cosineLr, type TrainStep, train } from '@blip2/trainer';
import * as tf from '@tensorflow/tfjs';
import { byLength, corpus, LONGEST, readings } from './corpus.js';
import { takeOver, writeFolder } from './folder.js';
import { type GistBatch, gistBatch, gistLessons, gistPrompt } from './gists.js';

const VOCABULARY = 2048;
const READINGS = 150_000;
const GIST_SCENES = 60_000;
/** One batch in so many is of texts, the others of gists. */
const EVERY = 4;

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
  init_std: 0.07, // 1 / sqrt(192): with the usual 0.02 the vectors of words stay too near each other to be told apart
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

/** Texts as they are, int32 [B,L] both. */
interface Stage2Batch {
  readonly ids: tf.Tensor2D;
  readonly mask: tf.Tensor2D;
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
  const nextTexts = byLength([...alone, ...read], { batch, seed });
  const lessons = gistLessons(GIST_SCENES).map((lesson) => ({ ...lesson, length: lesson.prompt.length }));
  const nextLessons = byLength(lessons, { batch, seed });
  const others = loadNouns().map(({ one }) => one);
  const spec = optSpec(config);
  const trainable = flatten(initialize(spec, seed));
  if (from) await takeOver(trainable, from);
  const run = train<Stage2Batch | GistBatch>({
    trainable,
    batch: ({ position, seed }) => {
      const turn = Math.floor(position / EVERY);
      if (position % EVERY === 0) return toIdTensors(padBatch(nextTexts(turn), { pad: config.pad }));
      const positions = position % 2 === 0 ? 8 : 4 + (hash(seed, 'positions') % 13);
      const special = { bos: config.bos, pad: config.pad, eos: config.eos };
      return gistBatch(nextLessons(position - turn - 1), { tokenizer, ids: special, positions, others, seed });
    },
    loss: ({ trainable, batch, seed }): LossTerms => {
      const p = centered(unflatten(spec, trainable));
      if ('ids' in batch) return { total: lm(optLogits(p, config, batch), labelsOf(batch.ids, { mask: batch.mask })) };
      const { logits, labels } = optPredict(p, config, {
        ...batch,
        softPrompt: gistPrompt((ids) => optEmbed(p, ids), batch, seed),
      });
      const total = lm(logits, labels, { shift: false });
      return { total, gist: total.clone() as tf.Scalar };
    },
    optimizer: adamw({ betas: [0.9, 0.98], weightDecay: 0.05 }),
    schedule: cosineLr({ learningRate: 1.2e-3, minLearningRate: 2e-5, warmupSteps: 60, steps }),
    steps,
    seed,
    maxGradNorm: 1,
    logEvery: 20,
  });
  for await (const step of run) onStep(step);
  const { tokenizer: tokenizerJson, config: tokenizerConfig } = files;
  await writeFolder(
    folder,
    { 'config.json': json, 'tokenizer.json': tokenizerJson, 'tokenizer_config.json': tokenizerConfig ?? {} },
    centered(unflatten(spec, trainable)),
  );
}

/**
 * Subtracts the mean of the token embeddings: a part that all have in common says nothing, and would
 * outweigh in a gist what tells one word from another.
 */
function centered(p: OptParams): OptParams {
  const { embed_tokens, ...rest } = p.model.decoder;
  const weight = tf.sub(embed_tokens.weight, tf.mean(embed_tokens.weight, 0, true)) as tf.Tensor2D;
  return { ...p, model: { ...p.model, decoder: { ...rest, embed_tokens: { weight } } } };
}
