import type { QuestionType, Scene } from '@blip2/emoji';
import { questionTypes, vqaPrior } from '@blip2/emoji';
import { cider, exactMatch } from '@blip2/metrics';
import type { FeatureStore } from '../data/features.js';
import { fillTemplate, type Prompts } from '../model/prompts.js';
import type { Speaker } from '../model/speak.js';
import { type SpeakAllOptions, speakAll } from './speak-all.js';

/** A speaker that says how it wants to be asked. */
export type Asked = Speaker & { readonly prompts: Prompts };

export interface Scenes {
  readonly features: FeatureStore;
  about(index: number): Scene;
}

export interface Answered {
  readonly picture: number;
  readonly type: QuestionType;
  readonly question: string;
  readonly right: string;
  readonly answer: string;
}

export interface Vqa {
  readonly accuracy: number;
  /** What always giving the most frequent answer of each type would score. */
  readonly prior: number;
  readonly n: number;
  readonly types: {
    readonly type: QuestionType;
    readonly accuracy: number;
    readonly prior: number;
    readonly n: number;
  }[];
  readonly answered: Answered[];
}

/** Asks every question of every scene. An answer is right when it is the answer, word for word. */
export async function evaluateVqa(model: Asked, scenes: Scenes, options: SpeakAllOptions = {}): Promise<Vqa> {
  const questions = allOf(scenes).flatMap(([picture, { qa }]) => qa.map((one) => ({ picture, ...one })));
  const answers = await speakAll(
    model,
    scenes.features,
    questions.map(({ picture, question }) => ({ picture, prompt: fillTemplate(model.prompts.question, question) })),
    { maxNewTokens: 8, ...options },
  );
  const answered = questions.map(({ picture, type, question, answer: right }, i): Answered => {
    return { picture, type, question, right, answer: answers[i] as string };
  });
  const priors = vqaPrior(allOf(scenes).flatMap(([, { qa }]) => qa));
  const types = questionTypes.map((type) => {
    const of = answered.filter((one) => one.type === type);
    return { type, accuracy: share(of), prior: priors[type], n: of.length };
  });
  const n = answered.length;
  const prior = types.reduce((sum, type) => sum + type.prior * type.n, 0) / n;
  return { accuracy: share(answered), prior, n, types, answered };
}

const share = (answered: readonly Answered[]): number =>
  answered.length === 0
    ? 0
    : exactMatch(
        answered.map(({ answer }) => answer),
        answered.map(({ right }) => right),
      );

export interface Captioned {
  readonly picture: number;
  readonly caption: string;
  readonly reference: string;
  /** What was said with the visual tokens of another picture. */
  readonly swapped: string;
}

export interface Captions {
  readonly cider: number;
  /**
   * The same with the visual tokens of another picture: what the text owes to the language model alone. 0 where there is
   * but one picture.
   */
  readonly ciderSwapped: number;
  readonly n: number;
  readonly captioned: Captioned[];
}

/** Captions every scene, and once more with the visual tokens of another one. */
export async function evaluateCaptions(model: Asked, scenes: Scenes, options: SpeakAllOptions = {}): Promise<Captions> {
  const all = allOf(scenes);
  const n = all.length;
  const say = (of: (picture: number) => number) =>
    speakAll(
      model,
      scenes.features,
      all.map(([picture]) => ({ picture: of(picture), prompt: model.prompts.caption })),
      { maxNewTokens: 24, ...options },
    );
  const own = await say((picture) => picture);
  const swapped = n < 2 ? all.map(() => '') : await say((picture) => (picture + (n >> 1)) % n);
  const references = all.map(([, scene]) => [...scene.references]);
  const captioned = all.map(([picture, scene]): Captioned => {
    return { picture, caption: own[picture] as string, reference: scene.caption, swapped: swapped[picture] as string };
  });
  return { cider: cider(own, references).score, ciderSwapped: cider(swapped, references).score, n, captioned };
}

const allOf = ({ features, about }: Scenes): [number, Scene][] =>
  Array.from({ length: features.length }, (_, i) => [i, about(i)]);
