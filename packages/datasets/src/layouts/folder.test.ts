import { chmod, readFile, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inFolder } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { openDataset } from '../open.js';
import { captionsOf, drawImage, lines, readAll, writeFiles } from '../test-support/files.js';
import { tar } from '../test-support/shards.js';

test('captions.jsonl: one caption or several, one line or several', () =>
  inFolder(async (root) => {
    await writeFiles(root, {
      'cat.jpg': null,
      'sub/dog.PNG': null,
      'bird.png': null,
      'captions.jsonl': lines(
        { file_name: 'cat.jpg', caption: ' a cat ' },
        { image: 'sub/dog.PNG', captions: ['a dog', 'a dog that runs'], image_id: 7 },
        { file_name: './cat.jpg', caption: 'a cat on a mat' },
        { file_name: 'bird.png', text: 'ein Vögelchen 🐦' },
      ),
    });
    const data = await openDataset(pathToFileURL(root));
    const { items, skipped } = await readAll(data);
    expect(skipped).toEqual({});
    expect(captionsOf(items)).toEqual({
      'cat.jpg': ['a cat', 'a cat on a mat'],
      'sub/dog.PNG': ['a dog', 'a dog that runs'],
      'bird.png': ['ein Vögelchen 🐦'],
    });
    expect(items[1]!.imageId).toBe(7);
    expect(data.length).toBe(3);
    expect(await items[1]!.read()).toEqual(await readFile(join(root, 'sub/dog.PNG')));
    expect(captionsOf((await readAll(await openDataset(join(root, 'captions.jsonl')))).items)).toEqual(
      captionsOf(items),
    );
  }));

test('questions with one answer or several, in lines and in cells', () =>
  inFolder(async (root) => {
    await writeFiles(root, {
      'a.jpg': null,
      'metadata.jsonl': lines(
        { file_name: 'a.jpg', question: 'how many?', answers: ['2', 'two'], question_id: 5 },
        { file_name: 'a.jpg', question: 'what color?', answer: 'red' },
        {
          file_name: 'a.jpg',
          questions: [{ question: 'is it?', answers: [{ answer: 'yes' }, { answer: 'no' }], id: 'q' }],
        },
        { file_name: 'a.jpg', question: 'where?' },
      ),
      'csv/a.jpg': null,
      'csv/metadata.csv': 'file_name,question,answers\na.jpg,"how, many?","[""2"", ""two""]"\na.jpg,what color?,red\n',
    });
    const { items } = await readAll(await openDataset(root));
    expect(items[0]!.questions).toEqual([
      { id: 5, question: 'how many?', answers: ['2', 'two'] },
      { question: 'what color?', answers: ['red'] },
      { id: 'q', question: 'is it?', answers: ['yes', 'no'] },
      { question: 'where?', answers: [] },
    ]);
    const table = await readAll(await openDataset(join(root, 'csv')));
    expect(table.items[0]!.questions).toEqual([
      { question: 'how, many?', answers: ['2', 'two'] },
      { question: 'what color?', answers: ['red'] },
    ]);
  }));

test.each([
  ['metadata.csv', '\uFEFFfile_name,text\r\na.jpg,"a ""big"" cat, \nasleep"\r\na.jpg,a cat\r\nb.jpg,[sic] a dog\r\n'],
  ['captions.tsv', 'image\tcaption_1\tcaption_2\na.jpg\ta "big" cat, \\nasleep\ta cat\nb.jpg\t[sic] a dog\t\n'],
  ['list.csv', 'filename;comment\na.jpg;a "big" cat, \\nasleep\na.jpg;a cat\nb.jpg;[sic] a dog\n'],
  ['captions.txt', 'image,caption\na.jpg,"a ""big"" cat, \nasleep"\na.jpg,a cat\nb.jpg,[sic] a dog\n'],
])('a table %s', (name, text) =>
  inFolder(async (root) => {
    await writeFiles(root, { [name]: text.replaceAll('\\n', ''), 'a.jpg': null, 'b.jpg': null });
    const { items, skipped } = await readAll(await openDataset(root));
    expect(skipped).toEqual({});
    expect(items.map(({ captions }) => captions.map((one) => one.replace(/\n/, '')))).toEqual([
      ['a "big" cat, asleep', 'a cat'],
      ['[sic] a dog'],
    ]);
  }),
);

test('a validation split without an image is no error, one in which none can be used is', () =>
  inFolder(async (root) => {
    const rows = ['a.jpg', 'b.jpg'].map((file_name) => ({ file_name, caption: 'x' }));
    await writeFiles(root, { 'a.jpg': null, 'b.jpg': null, 'captions.jsonl': lines(...rows, {}) });
    expect((await openDataset(root, { split: 'validation', validation: 1e-9 })).length).toBe(0);
    await writeFiles(root, { 'val/captions.jsonl': lines({ file_name: 'none.jpg', caption: 'x' }) });
    await expect(openDataset(root, { split: 'validation' })).rejects.toThrow('has no image that can be used');
  }));

test('columns of other names', () =>
  inFolder(async (root) => {
    await writeFiles(root, { 'a.jpg': null, 'list.csv': 'photo,beschreibung\na.jpg,eine Katze\n' });
    await expect(openDataset(root)).rejects.toThrow(
      `${join(root, 'list.csv')} has no column of image files; name the columns 'file_name' and 'caption' or 'question', or give their names.`,
    );
    const { items } = await readAll(await openDataset(root, { columns: { image: 'photo', caption: 'beschreibung' } }));
    expect(captionsOf(items)).toEqual({ 'a.jpg': ['eine Katze'] });
  }));

test('NAME.txt beside NAME.jpg, one caption a line', () =>
  inFolder(async (root) => {
    await writeFiles(root, {
      'a.jpg': null,
      'a.txt': 'a cat\n\n a second caption \r\n',
      'deep/er/b.JPEG': null,
      'deep/er/b.TXT': '\uFEFFa dog',
      'c.png': null,
      'd.txt': 'no image',
      'e.png': null,
      'e.txt': ' \n',
      'a.png': null,
      'README.txt': 'about these',
    });
    const { items, skipped } = await readAll(await openDataset(root));
    expect(captionsOf(items)).toEqual({ 'a.jpg': ['a cat', 'a second caption'], 'deep/er/b.JPEG': ['a dog'] });
    expect(skipped).toEqual({
      'a.png': 'its name is that of a.jpg but for the ending, which has the captions',
      'c.png': 'there is no c.txt with its captions beside it',
      'd.txt': 'there is no image of that name beside it',
      'e.png': 'the caption is empty (e.txt)',
    });
  }));

test('what cannot be used is reported with its reason, and the rest is read', () =>
  inFolder(async (outer) => {
    const root = join(outer, 'data');
    const long = 'x'.repeat(10_001);
    await writeFiles(outer, { 'secret.jpg': null, 'elsewhere/x.jpg': null });
    await writeFiles(root, {
      'good.jpg': null,
      'some.jpg': null,
      'empty.jpg': new Uint8Array(),
      'big.jpg': new Uint8Array(5000),
      'folder.jpg/x.txt': 'x',
      'captions.jsonl': `${lines(
        { file_name: 'good.jpg', caption: 'x'.repeat(10_000) },
        { file_name: '../secret.jpg', caption: 'out' },
        { file_name: join(outer, 'secret.jpg'), caption: 'absolute' },
        { file_name: 'C:\\secret.jpg', caption: 'absolute' },
        { file_name: 'link.jpg', caption: 'a link' },
        { file_name: 'linked/x.jpg', caption: 'in a link' },
        { file_name: 'inside.jpg', caption: 'a link inside' },
        { file_name: 'dead.jpg', caption: 'a link to nothing' },
        { file_name: 'none.jpg', caption: 'missing' },
        { file_name: 'empty.jpg', caption: 'empty' },
        { file_name: 'big.jpg', caption: 'big' },
        { file_name: 'folder.jpg', caption: 'folder' },
        { file_name: 'some.jpg', captions: ['', long, 'a cat', 3, null, [1]] },
        { file_name: 'good.jpg', caption: 'x'.repeat(10_000) },
        { file_name: 'good.jpg' },
        { file_name: 'a\0b.jpg', caption: 'zero' },
        { file_name: 'https://example.com/a.jpg', caption: 'address' },
        { caption: 'nothing' },
        [1],
      )}{"file_name": "good.jpg", "cap\n\n`,
    });
    await symlink(join(outer, 'secret.jpg'), join(root, 'link.jpg'));
    await symlink(join(outer, 'elsewhere'), join(root, 'linked'));
    await symlink('good.jpg', join(root, 'inside.jpg'));
    await symlink('nowhere.jpg', join(root, 'dead.jpg'));
    const { items, skipped } = await readAll(await openDataset(root, { maxImageBytes: 4000 }));
    expect(items.map(({ id }) => id)).toEqual(['good.jpg', 'inside.jpg', 'some.jpg']);
    expect(items[2]!.captions).toEqual(['a cat', '3']);
    const out = 'a symbolic link leads out of the folder of the data set';
    expect(skipped).toEqual({
      'captions.jsonl:2': 'its path leaves the folder of the data set',
      'captions.jsonl:3': 'its path is absolute; give it relative to the data set',
      'captions.jsonl:4': 'its path is absolute; give it relative to the data set',
      'link.jpg': out,
      'linked/x.jpg': out,
      'dead.jpg': 'there is no such file',
      'none.jpg': 'there is no such file',
      'empty.jpg': 'the file is empty',
      'big.jpg': 'the file has 5000 bytes, more than 4000',
      'folder.jpg': 'it is no regular file',
      'some.jpg':
        'caption 1 is empty (captions.jsonl:13); caption 2 has 10001 characters, more than 10000 (captions.jsonl:13); caption 5 is empty (captions.jsonl:13); caption 6 is not text (captions.jsonl:13)',
      'good.jpg':
        'its name is listed again with nothing new (captions.jsonl:14); it has neither a caption nor a question (captions.jsonl:15)',
      'captions.jsonl:16': 'its file name holds a zero byte',
      'captions.jsonl:17': 'it is an address, not a file; download it into the folder',
      'captions.jsonl:18': 'there is no file name',
      'captions.jsonl:19': 'the line is no JSON object',
      'captions.jsonl:20': 'the line is no JSON object',
    });
  }));

test('an image that vanishes or may not be read is an error of read alone', () =>
  inFolder(async (root) => {
    await writeFiles(root, { 'a.jpg': null, 'b.jpg': null, 'captions.csv': 'image,caption\na.jpg,a\nb.jpg,b\n' });
    const { items } = await readAll(await openDataset(root));
    await rename(join(root, 'a.jpg'), join(root, 'c.jpg'));
    await chmod(join(root, 'b.jpg'), 0);
    await expect(items[0]!.read()).rejects.toThrow("The image 'a.jpg' cannot be read: there is no such file.");
    if (process.getuid?.() !== 0) await expect(items[1]!.read()).rejects.toThrow('check its permissions.');
    await expect(items[1]!.read(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  }));

test('splits by folder, by table, by column, and by the folder in a path', () =>
  inFolder(async (root) => {
    const files = { 'train/a.jpg': null, 'valid/b.jpg': null, 'test/c.jpg': null };
    await writeFiles(join(root, 'folders'), {
      ...files,
      'train/metadata.jsonl': lines({ file_name: 'a.jpg', text: 'a' }),
      'valid/metadata.csv': 'file_name,text\nb.jpg,b\n',
      'test/metadata.jsonl': lines({ file_name: 'c.jpg', text: 'c' }),
    });
    await writeFiles(join(root, 'tables'), {
      ...files,
      'train.csv': 'image,caption\ntrain/a.jpg,a\n',
      'val.csv': 'image,caption\nvalid/b.jpg,b\n',
      'test.csv': 'image,caption\ntest/c.jpg,c\n',
    });
    await writeFiles(join(root, 'column'), {
      ...files,
      'captions.csv': 'image,caption,split\ntrain/a.jpg,a,train\nvalid/b.jpg,b,dev\ntest/c.jpg,c,test\n',
    });
    await writeFiles(join(root, 'paths'), {
      ...files,
      'captions.csv': 'image,caption\ntrain/a.jpg,a\nvalid/b.jpg,b\ntest/c.jpg,c\n',
    });
    await writeFiles(join(root, 'beside'), { ...files, 'train/a.txt': 'a', 'valid/b.txt': 'b', 'test/c.txt': 'c' });
    for (const name of ['folders', 'tables', 'column', 'paths', 'beside']) {
      const ids = async (split?: 'train' | 'validation' | 'test') =>
        (await readAll(await openDataset(join(root, name), split && { split }))).ids.sort();
      expect([name, await ids()]).toEqual([name, ['test/c.jpg', 'train/a.jpg', 'valid/b.jpg']]);
      expect([name, await ids('train')]).toEqual([name, ['train/a.jpg']]);
      expect([name, await ids('validation')]).toEqual([name, ['valid/b.jpg']]);
      expect([name, await ids('test')]).toEqual([name, ['test/c.jpg']]);
    }
  }));

test('what is wrong as a whole is one sentence', () =>
  inFolder(async (root) => {
    await expect(openDataset(join(root, 'none'))).rejects.toThrow(
      `There is no data set at '${join(root, 'none')}'; check the path.`,
    );
    await writeFiles(root, { 'a.jpg': null });
    await expect(openDataset(root)).rejects.toThrow(`No data set was recognized in '${root}'`);
    await writeFiles(root, { 'one.csv': 'image,caption\n', 'two.csv': 'image,caption\na.jpg,a\n' });
    await expect(openDataset(root)).rejects.toThrow('has the tables one.csv, two.csv; give the path of one of them.');
    await expect(openDataset(join(root, 'one.csv'))).rejects.toThrow('one.csv has no row;');
    await writeFiles(root, {
      'three.csv': '',
      'four.csv': 'image,caption\na.jpg,"a\n',
      'five.jsonl': lines({ image: 'no.jpg', caption: 'x' }),
    });
    await expect(openDataset(join(root, 'three.csv'))).rejects.toThrow('three.csv is empty;');
    await expect(openDataset(join(root, 'four.csv'))).rejects.toThrow(
      'a quote that is open in line 2 is not closed; save the table again.',
    );
    await expect(openDataset(join(root, 'five.jsonl'))).rejects.toThrow(
      "The data set 'five.jsonl' has no image that can be used (1 left out, the first 'no.jpg': there is no such file); check the path and the list.",
    );
    await writeFiles(root, { 'six.csv': Buffer.from('\uFEFFimage,caption\na.jpg,a\n', 'utf16le') });
    await expect(openDataset(join(root, 'six.csv'))).rejects.toThrow('six.csv is UTF-16; save it as UTF-8.');
    expect((await readAll(await openDataset(join(root, 'two.csv')))).ids).toEqual(['a.jpg']);
  }));

test('images in another folder', () =>
  inFolder(async (root) => {
    await writeFiles(root, {
      'lists/my.csv': 'image,caption\nx/a.jpg,a\n',
      'pictures/x/a.jpg': await drawImage('a.jpg'),
    });
    const { items } = await readAll(await openDataset(join(root, 'lists/my.csv'), { images: join(root, 'pictures') }));
    expect(captionsOf(items)).toEqual({ 'x/a.jpg': ['a'] });
  }));

test('names with letters that patterns have, and links in circles', () =>
  inFolder(async (outer) => {
    const root = join(outer, '{a,b} [1] (x) *');
    await writeFiles(root, {
      'é [1].jpg': null,
      'é [1].txt': 'a cat',
      '.hidden/b.jpg': null,
      'sub/#?.jpg': null,
      'sub/#?.txt': 'b',
    });
    await writeFiles(outer, { 'elsewhere/c.jpg': null, 'elsewhere/c.txt': 'c' });
    await symlink(join(outer, 'elsewhere/c.txt'), join(root, 'é [1]b.txt'));
    await writeFiles(root, { 'é [1]b.jpg': null });
    await symlink(root, join(root, 'circle'));
    await symlink(join(outer, 'elsewhere'), join(root, 'out'));
    const { ids, skipped } = await readAll(await openDataset(root));
    expect(ids).toEqual(['sub/#?.jpg', 'é [1].jpg']);
    expect(skipped).toEqual({
      circle: "the folder is a link to '.', which is listed",
      'circle/out': "the folder is a link to 'out', which is listed",
      'circle/sub': "the folder is a link to 'sub', which is listed",
      'out/c.txt': 'a symbolic link leads out of the folder of the data set',
      'é [1]b.txt': 'a symbolic link leads out of the folder of the data set',
    });
    await writeFiles(join(root, 'shards'), { 'x.tar': await tar({ 'a.jpg': null, 'a.txt': 'a' }) });
    expect((await readAll(await openDataset(join(root, 'shards')))).ids).toEqual(['x.tar/a']);
    expect((await readAll(await openDataset(join(root, 'shards/x.tar')))).ids).toEqual(['x.tar/a']);
  }));

test('texts that are no UTF-8 are reported', () =>
  inFolder(async (root) => {
    await writeFiles(root, {
      ...{ 'a.jpg': null, 'a.txt': Buffer.from('\uFEFFone\ntwo\n', 'utf16le') },
      ...{ 'b.jpg': null, 'b.txt': Buffer.from('K\u00e4tzchen', 'latin1') },
      ...{ 'c.jpg': null, 'c.txt': 'Kätzchen' },
    });
    const { items, skipped } = await readAll(await openDataset(root));
    expect(captionsOf(items)).toEqual({ 'c.jpg': ['Kätzchen'] });
    expect(skipped['a.jpg']).toContain('caption 2 is not UTF-8 (a.txt)');
    expect(skipped['b.jpg']).toBe('the caption is not UTF-8 (b.txt)');
  }));
