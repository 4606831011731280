import type { Writable } from 'node:stream';

const waitingBytesMax = 1_048_576;

/**
 * Writes lines without ever waiting. While nobody reads them they wait up to a bound, and the others
 * are counted; the first line after that says how many. A reader that has gone ends the lines, not
 * the process.
 */
export function boundedLines(output: Writable): (line: string) => void {
  let lost = 0;
  let broken = false;
  output.on('error', () => {
    broken = true;
  });
  return (line) => {
    if (broken) return;
    if (output.writableLength >= waitingBytesMax) {
      lost += 1;
      return;
    }
    if (lost > 0) output.write(lostLine(lost));
    lost = 0;
    output.write(line);
  };
}

function lostLine(lines: number): string {
  const time = new Date().toISOString();
  return `${JSON.stringify({ time, level: 'warn', event: 'log.lines_lost', lines })}\n`;
}
