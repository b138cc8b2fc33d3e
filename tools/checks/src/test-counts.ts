/** The part of `jest --json` that is counted. */
export interface JestResults {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numRuntimeErrorTestSuites: number;
  readonly success: boolean;
  readonly testResults?: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What the numbers do not say. */
  readonly note: string;
}

/** Counts one package's tests; a file that could not be run is one failure, and so are results that are not there. */
export function countsOf(results: JestResults | undefined): Counts {
  if (!results) return { passed: 0, failed: 1, skipped: 0, note: '' };
  const counted = results.numFailedTests + results.numRuntimeErrorTestSuites;
  const failed = counted === 0 && !results.success ? 1 : counted;
  const skipped = results.numPendingTests + results.numTodoTests;
  return { passed: results.numPassedTests, failed, skipped, note: failed > counted ? ' (jest reports a failure)' : '' };
}

/** Name and first lines of the message of each test that failed, and of each file that could not be run. */
export function failuresOf(results: JestResults | undefined): string[] {
  if (!results) return ['its tests did not run'];
  return (results.testResults ?? []).flatMap(({ message, assertionResults }) => {
    const failed = assertionResults.filter(({ status }) => status === 'failed');
    if (assertionResults.length === 0 && message !== '') return [firstLines(message)];
    return failed.map(({ fullName, failureMessages }) => `${fullName}: ${firstLines(failureMessages.join('\n'))}`);
  });
}

const firstLines = (text: string): string => text.split('\n').slice(0, 12).join('\n');
