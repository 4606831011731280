import { describe, expect, it } from 'vitest';
import { closingLine, countTests } from './test-report.ts';

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((test) => ({ status: test })),
});

describe('the closing line of a test run', () => {
  it('has what the runner counted', () => {
    const text = JSON.stringify({
      numPassedTests: 3,
      numFailedTests: 1,
      numPendingTests: 1,
      numTodoTests: 1,
      testResults: [file('failed', 'passed', 'failed'), file('passed', 'passed', 'passed')],
    });
    expect(closingLine(countTests(text))).toBe('3 passed, 1 failed, 2 skipped');
  });

  it('counts a file that did not load as a failed test', () => {
    const text = JSON.stringify({
      numPassedTests: 2,
      numFailedTests: 0,
      numPendingTests: 0,
      numTodoTests: 0,
      testResults: [file('failed'), file('passed', 'passed', 'passed')],
    });
    expect(closingLine(countTests(text))).toBe('2 passed, 1 failed');
  });

  it('is a failure when the runner left no report', () => {
    expect(closingLine(countTests(''))).toBe('0 passed, 1 failed');
  });
});
