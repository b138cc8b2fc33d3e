import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { SkippedItem } from '@blip2/data';
import { toPath } from '@blip2/tensor/files';

/** Share of a data set that may be left out by default. */
export const MAX_SKIPPED = 0.01;
/** Bytes that are held before they are written. */
const BUFFERED = 64 * 1024;
/** Reasons that an error names. */
const NAMED = 3;

/** Options of {@link collectSkipped}. */
export interface SkippedOptions {
  /** What the data set is called in errors. */
  readonly name: string;
  /** File that is written, such as `OUT/skipped.jsonl`: a path or `file:` URL. Without, nothing is written. */
  readonly file?: string | URL | undefined;
  /** Share of all items that may be left out, from 0 to 1. Default 0.01. */
  readonly maxSkipped?: number | undefined;
}

/** Collects what is left out of a data set. */
export interface SkippedItems {
  /** Takes what is left out; the same again, as in a second pass, counts once. To be given as `onSkip`. */
  readonly add: (skipped: SkippedItem) => void;
  /** Number of items left out so far. */
  readonly count: number;
  /** How many were left out for each reason, without what differs between items, the most frequent first. */
  reasons(): readonly (readonly [reason: string, count: number])[];
  /**
   * Writes what remains and gives the file its name. It is there from then on, empty where nothing was left out.
   * @param kept number of items that were not left out
   * @throws where the share of those left out is above `maxSkipped`, after the file was written
   */
  finish(kept: number): void;
  /** Removes the unfinished file. */
  abort(): void;
}

/**
 * Creates a collector of what is left out of a data set: a line `{"id", "reason"}` each in a file that has a temporary name until
 * it is finished, and a limit on their share.
 * @throws for a share that is none, and where the file cannot be written
 */
export function collectSkipped({ name, file, maxSkipped = MAX_SKIPPED }: SkippedOptions): SkippedItems {
  if (!(maxSkipped >= 0 && maxSkipped <= 1)) {
    throw new Error(`The share of items that may be left out is ${maxSkipped}; give one from 0 to 1, such as 0.01.`);
  }
  const path = file && toPath(file);
  const temporary = `${path}.tmp`;
  const known = new Set<string>(); // ids, and the reasons of those that have several
  const ids = new Set<string>();
  const counts = new Map<string, number>();
  const first: SkippedItem[] = [];
  let waiting = '';
  if (path) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, '');
  }
  const write = (): void => {
    if (path) appendFileSync(temporary, waiting);
    waiting = '';
  };
  return {
    add({ id, reason }) {
      const key = `${id}\n${reason}`;
      if (known.has(key)) return;
      known.add(key);
      ids.add(id);
      const kind = kindOf(reason);
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      if (first.length < NAMED) first.push({ id, reason });
      waiting += `${JSON.stringify({ id, reason })}\n`;
      if (waiting.length > BUFFERED) write();
    },
    get count() {
      return ids.size;
    },
    reasons: () => [...counts].sort(([, a], [, b]) => b - a),
    finish(kept) {
      write();
      if (path) renameSync(temporary, path);
      const all = kept + ids.size;
      if (ids.size <= maxSkipped * all) return;
      const some = first.map(({ id, reason }) => `'${id}': ${reason.replace(/\.$/, '')}`).join('; ');
      const more = ids.size > first.length ? ', and others' : '';
      const listed = path ? `; ${path} lists them` : '';
      throw new Error(
        `${ids.size} of ${all} items of '${name}' were left out, more than the share of ${maxSkipped} allows (${some}${more})${listed}: repair them, or raise the share (--max-skipped).`,
      );
    },
    abort() {
      if (path) rmSync(temporary, { force: true });
    },
  };
}

/** A reason without the file, the line and the numbers that it names. */
const kindOf = (reason: string): string =>
  reason
    .replace(/ \([^()]*:?\d+\)$/, '')
    .replace(/'[^']*'|"[^"]*"/g, '…')
    .replace(/\d+/g, 'N');
