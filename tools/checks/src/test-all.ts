import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { total } from './report.js';
import { countsOf, failuresOf, type JestResults } from './test-counts.js';
import { root, workspaceFolders } from './workspace.js';

const RESULTS = '.cache/jest.json'; // in each package; an output in turbo.json, so that a replay has it too

/** The folders with tests to run. */
function testedFolders(): string[] {
  return workspaceFolders().filter((folder) => {
    const { scripts = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { scripts?: object };
    return 'test' in scripts;
  });
}

function readResults(folder: string): JestResults | undefined {
  const file = join(folder, RESULTS);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as JestResults) : undefined;
}

const choice = process.argv.slice(2); // e.g. --filter=@blip2/tensor
const folders = testedFolders();
for (const folder of folders) {
  rmSync(join(folder, RESULTS), { force: true });
  mkdirSync(dirname(join(folder, RESULTS)), { recursive: true }); // jest does not
}
// In CI nothing is replayed from a cache: a replay runs no test.
const force = process.env.CI ? ['--force'] : [];
const args = ['run', 'test', '--continue=always', '--concurrency=2', ...force, ...choice];
const turbo = spawnSync(
  process.execPath,
  [join(root, 'node_modules/turbo/bin/turbo'), ...args, '--', '--json', `--outputFile=${RESULTS}`],
  {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1' },
  },
);

let passed = 0;
let failed = 0;
const failures: string[] = [];
for (const folder of folders) {
  if (choice.length > 0 && !existsSync(join(folder, RESULTS))) continue; // not chosen
  const results = readResults(folder);
  const counts = countsOf(results);
  passed += counts.passed;
  failed += counts.failed;
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
  const name = folder.slice(root.length);
  console.log(`${name.padEnd(24)} ${total(counts.passed, counts.failed)}${skipped}${counts.note}`);
  failures.push(...failuresOf(results).map((failure) => `FAIL ${name} ${failure}`));
}
for (const failure of failures) console.log(failure);
if (turbo.status !== 0 && failed === 0) failed = 1;
console.log(total(passed, failed));
process.exitCode = failed > 0 ? 1 : 0;
