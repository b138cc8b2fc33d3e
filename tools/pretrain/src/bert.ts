import { createTokenizer, padBatch, type Tokenizer, trainWordPiece } from '@blip2/data';
import { lm } from '@blip2/losses';
import { itgLogits, qformerConfig, qformerSpec, textPass } from '@blip2/qformer';
import { flatten, hash, initialize, type LossTerms, rng, unflatten } from '@blip2/tensor';
import { adamw, cosineLr, type TrainStep, train } from '@blip2/trainer';
import * as tf from '@tensorflow/tfjs';
import { byLength, corpus, LONGEST } from './corpus.js';
import { writeFolder } from './folder.js';
import type { TextOptions } from './language.js';

const VOCABULARY = 2560;
const MASKED_SHARE = 0.15;
const IGNORED = -100;

/** `config.json` of the small BERT. */
const bertJson = (vocabSize: number) => ({
  architectures: ['BertForMaskedLM'],
  model_type: 'bert',
  vocab_size: vocabSize,
  hidden_size: 192,
  num_hidden_layers: 4,
  num_attention_heads: 6,
  intermediate_size: 768,
  hidden_act: 'gelu',
  hidden_dropout_prob: 0,
  attention_probs_dropout_prob: 0,
  max_position_embeddings: 64,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  pad_token_id: 0,
});

/** The text branch of a Q-Former is a BERT; these are its names there, and in a checkpoint of `BertForMaskedLM`. */
const textBranch =
  /^(qformer\.layernorm|embeddings|cls|qformer\.encoder\.layer\.\d+\.(attention|intermediate|output)\.)/;

/** Trains a BERT by masked tokens (Devlin et al. 2019) on the texts alone and writes its folder. */
export async function pretrainBert(options: TextOptions, onStep: (step: TrainStep) => void): Promise<void> {
  const { folder, steps, batch, seed } = options;
  const texts = corpus();
  const files = trainWordPiece(texts, { vocabSize: VOCABULARY });
  const tokenizer = createTokenizer(files);
  const start = tokenizer.id('[DEC]');
  const vocabSize = start ?? tokenizer.vocabSize; // [DEC], the last, is the Q-Former's own
  const json = bertJson(vocabSize);
  const config = qformerConfig(json, { queries: 1, encoderWidth: 1, textInput: true });
  const spec = qformerSpec(config, 'pretraining');
  const whole = flatten(initialize(spec, seed));
  const trainable = Object.fromEntries(Object.entries(whole).filter(([path]) => textBranch.test(path)));
  const rows = texts.map((text) => tokenizer.encode(text)).filter((row) => row.length <= LONGEST);
  const next = byLength(rows, { batch, seed });
  const run = train({
    trainable,
    batch: ({ position, seed }) => maskedBatch(next(position), tokenizer, seed),
    loss: ({ trainable, batch: { ids, mask, labels } }): LossTerms => {
      const p = unflatten(spec, { ...whole, ...trainable });
      const hidden = textPass(p, config, { ids, mask });
      return { total: lm(itgLogits(p, config, hidden), labels, { shift: false, ignore: IGNORED }) };
    },
    optimizer: adamw({ betas: [0.9, 0.98], weightDecay: 0.05 }),
    schedule: cosineLr({ learningRate: 2e-3, minLearningRate: 2e-5, warmupSteps: 60, steps }),
    steps,
    seed,
    maxGradNorm: 1,
    logEvery: 50,
  });
  for await (const step of run) onStep(step);
  const weights = Object.fromEntries(Object.entries(trainable).map(([path, tensor]) => [bertPath(path), tensor]));
  weights['bert.embeddings.token_type_embeddings.weight'] = tf.zeros([2, config.hiddenSize]);
  await writeFolder(
    folder,
    { 'config.json': json, 'tokenizer.json': files.tokenizer, 'tokenizer_config.json': files.config ?? {} },
    weights,
  );
}

/** A path of the Q-Former's text branch as BERT's checkpoints name it. */
const bertPath = (path: string): string =>
  path.startsWith('cls.')
    ? path
    : path
        .replace(/^qformer\.layernorm/, 'bert.embeddings.LayerNorm')
        .replace(/^embeddings/, 'bert.embeddings')
        .replace(/^qformer/, 'bert')
        .replace('attention.attention', 'attention.self');

/** 15 % of the words are to be guessed: 80 % of them masked, 10 % replaced, 10 % left (Devlin et al. 2019, section 3.1). */
function maskedBatch(rows: readonly number[][], tokenizer: Tokenizer, seed: number) {
  const { ids, mask, shape } = padBatch(rows, { pad: tokenizer.special.pad ?? 0 });
  const random = rng(hash(seed, 'mask'));
  const special = new Set(Object.values(tokenizer.special));
  const labels = new Int32Array(ids.length).fill(IGNORED);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number;
    if (mask[i] === 0 || special.has(id) || random() >= MASKED_SHARE) continue;
    labels[i] = id;
    const fate = random();
    if (fate < 0.8) ids[i] = tokenizer.special.mask as number;
    else if (fate < 0.9) ids[i] = 5 + Math.floor(random() * (tokenizer.vocabSize - 6));
  }
  const tensor = (values: Int32Array): tf.Tensor2D => tf.tensor2d(values, shape, 'int32');
  return { ids: tensor(ids), mask: tensor(mask), labels: tensor(labels) };
}
