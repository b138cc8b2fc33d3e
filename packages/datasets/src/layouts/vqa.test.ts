import { join } from 'node:path';
import { inFolder } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { openDataset } from '../open.js';
import { readAll, writeFiles } from '../test-support/files.js';

const about = (data_subtype: string) => ({
  info: { description: 'This is v2.0 of the VQA dataset.', version: '2.0', year: 2017 },
  ...{ task_type: 'Open-Ended', data_type: 'mscoco', license: { name: 'CC' }, data_subtype },
});
const question = (image_id: number, question_id: number, text: unknown = 'Where is he looking?') => ({
  ...{ image_id, question: text, question_id },
});
const annotation = (image_id: number, question_id: number, ...answers: readonly string[]) => ({
  ...{ question_type: 'none of the above', multiple_choice_answer: answers[0], image_id, question_id },
  answers: answers.map((answer, i) => ({ answer, answer_confidence: 'yes', answer_id: i + 1 })),
  answer_type: 'other',
});

test.each([
  ['', ''],
  ['Questions', 'Annotations'],
  ['annotations', 'annotations'],
])("VQAv2's pairs in '%s' and '%s'", (asked, annotated) =>
  inFolder(async (root) => {
    await writeFiles(root, {
      [join(asked, 'v2_OpenEnded_mscoco_val2014_questions.json')]: {
        ...about('val2014'),
        questions: [
          question(262148, 262148000),
          question(42, 42001, ''),
          question(262148, 262148001, 'What?'),
          question(42, 42002),
        ],
      },
      [join(annotated, 'v2_mscoco_val2014_annotations.json')]: {
        ...about('val2014'),
        annotations: [
          annotation(262148, 262148000, 'down', 'at table'),
          annotation(262148, 262148001, 'spectators'),
          annotation(42, 42001, 'x'),
        ],
      },
      [join(asked, 'v2_OpenEnded_mscoco_test-dev2015_questions.json')]: {
        ...about('test-dev2015'),
        questions: [question(9, 9000)],
      },
      'val2014/COCO_val2014_000000262148.jpg': null,
      'test2015/COCO_test2015_000000000009.jpg': null,
    });
    const { items, skipped } = await readAll(await openDataset(root, { split: 'validation' }));
    expect(items.map(({ id, imageId, questions, captions }) => ({ id, imageId, questions, captions }))).toEqual([
      {
        id: 'val2014/COCO_val2014_000000262148.jpg',
        imageId: 262148,
        questions: [
          { id: 262148000, question: 'Where is he looking?', answers: ['down', 'at table'] },
          { id: 262148001, question: 'What?', answers: ['spectators'] },
        ],
        captions: [],
      },
    ]);
    const file = 'v2_OpenEnded_mscoco_val2014_questions.json';
    expect(skipped).toEqual({
      [`${file}: question 3`]: 'question 42002 has no annotation',
      'val2014/COCO_val2014_000000000042.jpg': `the question is empty (${file}: question 1)`,
    });
    const test = await readAll(await openDataset(root, { split: 'test' }));
    expect(test.items[0]!.id).toBe('test2015/COCO_test2015_000000000009.jpg');
    expect(test.items[0]!.questions).toEqual([{ id: 9000, question: 'Where is he looking?', answers: [] }]);
  }),
);

test('files of other names, and images that questions name', () =>
  inFolder(async (root) => {
    await writeFiles(root, {
      'my_questions.json': { questions: [{ image: 'pictures/a.png', question: 'What?', question_id: 'q1' }] },
      'answers/all.json': {
        annotations: [annotation(0, 0, 'x'), { question_id: 'q1', multiple_choice_answer: 'cat' }, 3],
      },
      'pictures/a.png': null,
    });
    const path = join(root, 'my_questions.json');
    await expect(openDataset(path)).rejects.toThrow(
      `There is no file of annotations for ${path}; put it beside it, or give its path.`,
    );
    const { items } = await readAll(await openDataset(path, { annotations: join(root, 'answers/all.json') }));
    expect(items[0]!.id).toBe('pictures/a.png');
    expect(items[0]!.questions).toEqual([{ id: 'q1', question: 'What?', answers: ['cat'] }]);
    await writeFiles(root, { 'my_annotations.json': [] });
    await expect(openDataset(path)).rejects.toThrow("my_annotations.json has no list 'annotations'");
  }));
