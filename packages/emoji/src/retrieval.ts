import { candidateCodes } from './candidates.js';
import { type Emoji, loadEmoji } from './entries.js';
import { Random } from './random.js';

/** A label as a text encoder sees it: two that differ only in case and punctuation are one. */
export function normalizeLabel(label: string): string {
  return label
    .toLowerCase()
    .replace(/[^\p{L}\p{N} ]/gu, '')
    .replace(/\s+/g, ' ')
    .trim();
}

/** The first `count` of a seeded shuffle whose labels are distinct to a text encoder. */
export function sampleCandidates(entries: readonly Emoji[], { seed = 0, count = 400 } = {}): Emoji[] {
  const seen = new Set<string>();
  const distinct = new Random(seed).shuffle(entries).filter((entry) => {
    const label = normalizeLabel(entry.label);
    if (seen.has(label)) return false;
    seen.add(label);
    return true;
  });
  return distinct.slice(0, count);
}

/** The 400 emoji among which retrieval is measured: the committed list, so that a figure means the same everywhere. */
export function retrievalCandidates(): Emoji[] {
  const byCode = new Map(loadEmoji().map((entry) => [entry.code, entry]));
  return candidateCodes.map((code) => {
    const entry = byCode.get(code);
    if (!entry) throw new Error(`The installed emoji lack candidate ${code}: install the pinned versions.`);
    return entry;
  });
}
