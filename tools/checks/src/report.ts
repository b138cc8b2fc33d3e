/** What one check of one package found; it passed when nothing was found. */
export interface Result {
  readonly name: string;
  readonly problems: readonly string[];
}

/** Writes one line a check, its problems under it, and the total; true when every check passed. */
export function report(results: readonly Result[], write: (line: string) => void = console.log): boolean {
  for (const { name, problems } of results) {
    write(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${name}`);
    for (const problem of problems) write(`       ${problem.replaceAll('\n', '\n       ')}`);
  }
  const failed = results.filter(({ problems }) => problems.length > 0).length;
  write(total(results.length - failed, failed));
  return failed === 0;
}

/** The line that `.ci/run` adds up. */
export const total = (passed: number, failed: number): string => `${passed} passed, ${failed} failed`;
