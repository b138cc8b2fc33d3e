import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadTokenizer } from '@blip2/data';
import { type QuestionType, questionTypes, scene, sceneGroups, scenePrompts } from '@blip2/emoji';
import { generate, loadOpt, optConfig } from '@blip2/llm';
import { openSafetensors } from '@blip2/tensor/safetensors';
import * as tf from '@tensorflow/tfjs';
import { type GistLesson, gistBatch, gistPrompt } from './gists.js';

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
  const asked = Array.from({ length: scenes }, (_, i) => scene(0, i, 'test')).flatMap(({ plan, qa, references }) => {
    const groups = sceneGroups(plan);
    const questions = qa.map(({ type, question, answer }) => {
      return { type, prompt: scenePrompts.question.replace('{}', () => question), answers: [answer] };
    });
    const caption = { type: 'caption' as const, prompt: scenePrompts.caption, answers: [...references] };
    return [caption, ...questions].map((one) => ({ ...one, groups, target: '' }));
  });
  const said = await sayAll(asked);
  const share = (type: QuestionType | 'caption'): number => {
    const of = asked.map((one, i) => ({ ...one, said: said[i] as string })).filter((one) => one.type === type);
    return of.filter(({ answers, said }) => answers.includes(said)).length / of.length;
  };
  model.dispose?.();
  return Object.fromEntries([...questionTypes, 'caption' as const].map((type) => [type, share(type)])) as Reading;

  async function sayAll(lessons: readonly GistLesson[]): Promise<string[]> {
    const texts: string[] = [];
    const size = 64;
    for (let start = 0; start < lessons.length; start += size) {
      const batch = gistBatch(lessons.slice(start, start + size), {
        tokenizer,
        ids: model.ids,
        positions,
        seed: start,
      });
      const softPrompt = gistPrompt(model.embed, batch, start);
      const { promptIds, promptMask } = batch;
      const rows = await generate(model, { softPrompt, promptIds, promptMask }, { maxNewTokens: 24 });
      texts.push(...rows.map(([best]) => tokenizer.decode(best?.ids ?? []).trim()));
      tf.dispose([softPrompt, ...Object.values(batch)]);
    }
    return texts;
  }
}
