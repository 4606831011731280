import { afterAll } from 'vitest';

/** What was measured in one fault. */
interface Recovery {
  readonly fault: string;
  readonly what: string;
  readonly value: string;
}

const recoveries: Recovery[] = [];

/** Notes one figure of a fault for the report: milliseconds, or words. */
export function recovered(fault: string, what: string, measured: number | string): void {
  const value = typeof measured === 'string' ? measured : formatMs(measured);
  recoveries.push({ fault, what, value });
}

/** The report as a table of plain text. */
function recoveryReport(title: string): string {
  const width = Math.max(0, ...recoveries.map(({ what }) => what.length));
  const lines = recoveries.map(
    ({ fault, what, value }) => `  ${fault.padEnd(5)} ${what.padEnd(width)}  ${value}`,
  );
  return [title, ...lines].join('\n');
}

/** Prints the report when the tests of the file are done. */
export function printRecoveries(title: string): void {
  afterAll(() => {
    if (recoveries.length > 0) process.stdout.write(`\n${recoveryReport(title)}\n`);
    recoveries.length = 0;
  });
}

function formatMs(ms: number): string {
  return ms < 1_000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1_000).toFixed(2)} s`;
}
