import { candidateCodes } from './candidates.js';
import { type Emoji, loadEmoji } from './entries.js';
import { Random } from './random.js';

/** Normalizes a label as a text encoder does: lower case, without punctuation. */
export function normalizeLabel(label: string): string {
  return label
    .toLowerCase()
    .replace(/[^\p{L}\p{N} ]/gu, '')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Samples `count` emoji whose normalized labels are distinct. */
export function sampleCandidates(entries: readonly Emoji[], { seed = 0, count = 400 } = {}): Emoji[] {
  const labels = new Set<string>();
  const distinct = new Random(seed).shuffle(entries).filter((entry) => {
    const label = normalizeLabel(entry.label);
    if (labels.has(label)) return false;
    labels.add(label);
    return true;
  });
  return distinct.slice(0, count);
}

/** Returns the fixed list of 400 emoji that retrieval is evaluated on. */
export function retrievalCandidates(): Emoji[] {
  const byCode = new Map(loadEmoji().map((entry) => [entry.code, entry]));
  return candidateCodes.map((code) => {
    const entry = byCode.get(code);
    if (!entry) throw new Error(`The installed emoji lack candidate ${code}: install the pinned versions.`);
    return entry;
  });
}
