import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadTokenizer, type Tokenizer } from '@blip2/data';
import { type QuestionType, questionTypes, scene, sceneGroups, scenePrompts } from '@blip2/emoji';
import { generate, type LanguageModel, loadOpt, optConfig } from '@blip2/llm';
import { openSafetensors } from '@blip2/tensor/safetensors';
import * as tf from '@tensorflow/tfjs';
import { type GistLesson, gistBatch, gistPrompt, questionPrompt } from './gists.js';

/** Of each kind of question, and of captions, the share that is answered word for word. */
export type Reading = Record<QuestionType | 'caption', number>;

/** What a language model says of scenes of the test split whose gist it is given: more than a Q-Former can get out of it. */
export async function readGists(
  folder: string,
  { scenes, positions }: { scenes: number; positions: number },
): Promise<Reading> {
  const source = await openSafetensors(folder);
  const model = await loadOpt(source, optConfig(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))));
  await source.close();
  const tokenizer = await loadTokenizer(folder);
  const asked = Array.from({ length: scenes }, (_, i) => scene(i, { seed: 0, split: 'test' })).flatMap(
    ({ plan, qa, references }) => {
      const groups = sceneGroups(plan);
      const questions = qa.map(({ type, question, answer }) => {
        return { type, prompt: questionPrompt(question), answers: [answer] };
      });
      const caption = { type: 'caption' as const, prompt: scenePrompts.caption, answers: [...references] };
      return [caption, ...questions].map((one) => ({ ...one, groups, target: '' }));
    },
  );
  const said = await sayAll({ model, tokenizer }, asked, positions);
  const share = (type: QuestionType | 'caption'): number => {
    const of = asked.map((one, i) => ({ ...one, said: said[i] as string })).filter((one) => one.type === type);
    return of.filter(({ answers, said }) => answers.includes(said)).length / of.length;
  };
  model.dispose?.();
  return Object.fromEntries([...questionTypes, 'caption' as const].map((type) => [type, share(type)])) as Reading;
}

/** What the model goes on with after the gist and the prompt of each lesson. */
async function sayAll(
  { model, tokenizer }: { model: LanguageModel; tokenizer: Tokenizer },
  lessons: readonly GistLesson[],
  positions: number,
): Promise<string[]> {
  const texts: string[] = [];
  for (let start = 0; start < lessons.length; start += BATCH) {
    const some = lessons.slice(start, start + BATCH);
    const batch = gistBatch(some, { tokenizer, ids: model.ids, positions, seed: start });
    const softPrompt = gistPrompt(model.embed, batch, start);
    const { promptIds, promptMask } = batch;
    const rows = await generate(model, { softPrompt, promptIds, promptMask }, { maxNewTokens: 24 });
    texts.push(...rows.map(([best]) => tokenizer.decode(best?.ids ?? []).trim()));
    tf.dispose([softPrompt, ...Object.values(batch)]);
  }
  return texts;
}

const BATCH = 64;
