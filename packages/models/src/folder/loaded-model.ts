import type { Processor, Tokenizer } from '@blip2/data';
import type { LanguageModel } from '@blip2/llm';
import type { QFormerConfig } from '@blip2/qformer';
import type { Stage1Params, Stage2Params } from '@blip2/training';
import type { VisionEncoder } from '@blip2/vision';
import type { Prompts } from '../generate/prompts.js';

interface Common extends Disposable {
  /** Where it came from. */
  readonly folder: string;
  readonly config: QFormerConfig;
  readonly vision: VisionEncoder;
  readonly processor: Processor;
  /** Frees what loading made; what was given stays with whoever made it. */
  dispose(): void;
}

/** What stage 1 makes: the Q-Former with its heads. */
export interface RetrievalModel extends Common {
  readonly kind: 'retrieval';
  /** Whether the captioning head and the temperature are there too, with which stage 1 can go on. */
  readonly parts: 'retrieval' | 'pretraining';
  readonly params: Stage1Params;
  /** Of the Q-Former. */
  readonly tokenizer: Tokenizer;
}

/** What stage 2 makes: the queries' path, the bridge and a language model. */
export interface GenerationModel extends Common {
  readonly kind: 'generation';
  readonly params: Stage2Params;
  readonly language: LanguageModel;
  /** Of the language model. */
  readonly tokenizer: Tokenizer;
  readonly prompts: Prompts;
  /** Of the Q-Former, where it reads the prompt too: InstructBLIP. */
  readonly instruction?: Tokenizer;
  /** The id that stands for an image's vectors among a prompt's ids; absent in old folders. */
  readonly imageToken?: number;
}

export type LoadedModel = RetrievalModel | GenerationModel;
