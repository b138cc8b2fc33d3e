import { basename, dirname, join, relative } from 'node:path';
import { isJson, type Json } from '@blip2/tensor';
import { isFile } from '@blip2/tensor/files';
import { fieldOf, listOf, readJsonFile } from '../files/json.js';
import type { RawList, RawRecord } from '../listed/record.js';
import { splitOfName } from '../split.js';
import type { RawQuestion } from '../texts.js';
import type { JsonListOptions } from './json-list.js';

/** What else a pair of VQA files needs. */
export interface VqaOptions extends JsonListOptions {
  /** File of the annotations, where its name does not follow from that of the questions. */
  readonly annotations?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Returns the list that VQAv2's questions and annotations are, such as `v2_OpenEnded_mscoco_val2014_questions.json` and
 * `v2_mscoco_val2014_annotations.json` beside it or in `Annotations`. Images lie in `val2014/COCO_val2014_000000000042.jpg`, or
 * where `image` of a question says. Only questions of a test split may have no annotations.
 */
export function readVqa(path: string, options: VqaOptions): RawList {
  const { root, images, load, report, signal } = options;
  const name = basename(path);
  const split = splitOfName(name);
  return {
    folders: images ? [images] : [root, join(root, 'images')],
    split,
    async *records() {
      const json = await load();
      const questions = listOf(json, 'questions');
      if (!questions)
        throw new Error(`${path} has no list 'questions', which VQA's questions have; download it again.`);
      const file = await annotationsOf(path, options);
      if (!file && split !== 'test') {
        throw new Error(`There is no file of annotations for ${path}; put it beside it, or give its path.`);
      }
      const answers = file === undefined ? undefined : answersIn(await readJsonFile(file, signal), file);
      const subtype = isJson(json) ? fieldOf(json, 'data_subtype') : undefined;
      const part = (textOf(subtype) || (/(?:train|val|test)(?:-dev)?\d{4}/.exec(name)?.[0] ?? '')).replace('-dev', '');
      const byImage = new Map<unknown, { image: Json; where: string; questions: RawQuestion[] }>();
      for (const [i, one] of questions.entries()) {
        const where = `${name}: question ${i}`;
        if (!isJson(one)) {
          report(where, 'the entry is no JSON object');
          continue;
        }
        const id = fieldOf(one, 'question_id');
        const answered = answers?.get(id);
        if (answers && !answered) {
          report(where, `question ${textOf(id).slice(0, 40)} has no annotation`);
          continue;
        }
        const asked: RawQuestion = { id, question: fieldOf(one, 'question'), answers: answered };
        const key = fieldOf(one, 'image_id') ?? fieldOf(one, 'image');
        const known = byImage.get(key);
        if (known) known.questions.push(asked);
        else byImage.set(key, { image: one, where, questions: [asked] });
      }
      for (const { image, where, questions: asked } of byImage.values()) {
        yield { files: filesOf(image, part), imageId: fieldOf(image, 'image_id'), questions: asked, where };
      }
    },
  };
}

const textOf = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? `${value}` : '');

function filesOf(question: Json, part: string): RawRecord['files'] {
  const named = fieldOf(question, 'image') ?? fieldOf(question, 'file_name');
  if (named !== undefined) return Array(4).fill(named);
  const id = textOf(fieldOf(question, 'image_id')).padStart(12, '0');
  const file = `COCO_${part}_${id}.jpg`;
  return [`${part}/${file}`, file, `${part}/${id}.jpg`, `${id}.jpg`];
}

function answersIn(json: unknown, path: string): Map<unknown, readonly unknown[]> {
  const list = listOf(json, 'annotations');
  if (!list) throw new Error(`${path} has no list 'annotations', which VQA's annotations have; download it again.`);
  const answers = new Map<unknown, readonly unknown[]>();
  for (const one of list) {
    if (!isJson(one)) continue; // its question is then reported
    const all = listOf(one, 'answers') ?? [fieldOf(one, 'multiple_choice_answer')];
    answers.set(
      fieldOf(one, 'question_id'),
      all.map((answer) => (isJson(answer) ? fieldOf(answer, 'answer') : answer)),
    );
  }
  return answers;
}

/** The file of annotations that belongs to questions. */
async function annotationsOf(path: string, { root, annotations }: VqaOptions): Promise<string | undefined> {
  if (annotations) return annotations;
  const name = basename(path)
    .replace(/(OpenEnded|MultipleChoice)_/, '')
    .replace(/questions/i, (word) => (word[0] === 'Q' ? 'Annotations' : 'annotations'));
  const beside = relative(root, dirname(path));
  for (const folder of new Set([beside, 'annotations', 'Annotations', ''])) {
    const file = join(root, folder, name);
    if (file !== path && (await isFile(file))) return file;
  }
  return undefined;
}
