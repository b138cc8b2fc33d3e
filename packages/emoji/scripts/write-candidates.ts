/** Writes src/candidates.ts anew: `node --conditions=@blip2/source --import tsx scripts/write-candidates.ts`. */
import { writeFileSync } from 'node:fs';
import { loadEmoji } from '../src/entries.js';
import { sampleCandidates } from '../src/retrieval.js';

const codes = sampleCandidates(loadEmoji()).map((entry) => `  '${entry.code}',\n`);
const text = `/** Written by scripts/write-candidates.ts; a test compares it. */\nexport const candidateCodes: readonly string[] = [\n${codes.join('')}];\n`;
writeFileSync(new URL('../src/candidates.ts', import.meta.url), text);
