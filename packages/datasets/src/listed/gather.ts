import { join, relative, sep } from 'node:path';
import type { ImageQuestion } from '@blip2/data';
import type { Report, Split } from '../options.js';
import { checkTexts } from '../texts.js';
import { findPlace, type Place } from './found.js';
import { nameProblem, plainName } from './name.js';
import type { RawList, RawRecord } from './record.js';

/** An image with all texts that a list has for it. */
export interface Gathered {
  readonly id: string;
  readonly path: string;
  readonly captions: string[];
  readonly questions: ImageQuestion[];
  readonly imageId?: string | number;
  readonly split?: Split | undefined;
}

/**
 * Gathers the records of lists by their images: a list may have a line for each caption or question. Texts and names that
 * cannot be used are reported.
 * @param root folder that no path may leave, and to which ids are relative
 */
export async function gather(lists: readonly RawList[], root: string, report: Report): Promise<Gathered[]> {
  const all = new Map<string, Gathered>();
  for (const { folders, split, records } of lists) {
    const first: RawRecord[] = []; // what tells where the images lie
    let place: Place | undefined;
    const add = (record: RawRecord): void =>
      addRecord(record, { split: record.split ?? split, all, place: place!, root, report });
    const settle = async (): Promise<void> => {
      const named = first.filter(({ files }) => files.every((file) => !nameProblem(file)));
      place = await findPlace(
        folders,
        named.map(({ files }) => files.map((file) => plainName(String(file)))),
      );
      first.splice(0).forEach(add);
    };
    for await (const record of records()) {
      if (place) add(record);
      else if (first.push(record) >= 20) await settle();
    }
    if (!place) await settle();
  }
  return [...all.values()];
}

interface Adding {
  readonly all: Map<string, Gathered>;
  readonly place: Place;
  readonly split: Split | undefined;
  readonly root: string;
  readonly report: Report;
}

function addRecord(record: RawRecord, { all, place, split, root, report }: Adding): void {
  const { files, where, imageId } = record;
  const file = files[place.choice];
  const written = nameProblem(file);
  if (written) {
    report(where, written);
    return;
  }
  const path = join(place.folder, plainName(String(file)));
  const id = relative(root, path).split(sep).join('/');
  const problem = nameProblem(id);
  if (problem) {
    report(where, problem);
    return;
  }
  let problems = 0;
  const { captions, questions } = checkTexts(record, id, (name, reason) => {
    problems++;
    report(name, `${reason} (${where})`);
  });
  if (captions.length + questions.length === 0) {
    if (problems === 0) report(id, `it has neither a caption nor a question (${where})`);
    return;
  }
  const known = all.get(id);
  const named = typeof imageId === 'string' || typeof imageId === 'number' ? { imageId } : {};
  if (!known) {
    all.set(id, { id, path, captions: [...captions], questions: [...questions], ...named, split });
    return;
  }
  if (known.imageId !== undefined && named.imageId !== undefined && known.imageId !== named.imageId) {
    report(id, `its name is that of another image (${where})`);
    return;
  }
  if (known.split !== split) {
    report(id, `it is listed again in another split (${where})`);
    return;
  }
  const fresh = captions.filter((caption) => !known.captions.includes(caption));
  const asked = questions.filter((one) => !known.questions.some((other) => isSame(one, other)));
  if (fresh.length + asked.length === 0) report(id, `its name is listed again with nothing new (${where})`);
  known.captions.push(...fresh);
  known.questions.push(...asked);
}

const isSame = (a: ImageQuestion, b: ImageQuestion): boolean =>
  a.question === b.question && a.id === b.id && a.answers.join('\n') === b.answers.join('\n');
