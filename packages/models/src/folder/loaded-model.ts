import type { Processor, Tokenizer } from '@blip2/data';
import type { LanguageModel } from '@blip2/llm';
import type { QFormerConfig } from '@blip2/qformer';
import type { Stage1Params, Stage2Params } from '@blip2/training';
import type { VisionEncoder } from '@blip2/vision';
import type { Prompts } from '../generate/prompts.js';
import type { RerankConfig } from './config.js';

interface Common extends Disposable {
  /** The folder that it was loaded from. */
  readonly folder: string;
  readonly config: QFormerConfig;
  readonly vision: VisionEncoder;
  readonly processor: Processor;
  /** Whether the EXIF orientation of images is applied. Default true. */
  readonly orient?: boolean | undefined;
  /** Frees what loading created; external models are not disposed. */
  dispose(): void;
}

/** A loaded model of stage 1 (`Blip2ForImageTextRetrieval`): image encoder, and Q-Former with the ITC and ITM heads. */
export interface RetrievalModel extends Common {
  readonly kind: 'retrieval';
  /** `pretraining` where the captioning head and the temperature were loaded too, so that stage 1 can continue. */
  readonly parts: 'retrieval' | 'pretraining';
  readonly params: Stage1Params;
  /** How it orders candidates. */
  readonly rerank: RerankConfig;
  /** The tokenizer of the Q-Former. */
  readonly tokenizer: Tokenizer;
}

/** A loaded model of stage 2 (`Blip2ForConditionalGeneration`): image encoder, Q-Former, projection and language model. */
export interface GenerationModel extends Common {
  readonly kind: 'generation';
  readonly params: Stage2Params;
  readonly language: LanguageModel;
  /** The tokenizer of the language model. */
  readonly tokenizer: Tokenizer;
  /** The prompts that the model was trained with. */
  readonly prompts: Prompts;
  /** The tokenizer of the Q-Former of an InstructBLIP, which reads the prompt as well. */
  readonly instruction?: Tokenizer;
  /** The id of the image token, which stands for the soft prompt among the ids of a prompt; absent in old folders. */
  readonly imageToken?: number;
}

/** A loaded model of either kind. */
export type LoadedModel = RetrievalModel | GenerationModel;
