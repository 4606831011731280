import { durationMs } from '@sallyport/policy';
import { type Command, InvalidArgumentError } from 'commander';

/** Paging, for commands that list. */
export interface PageOptions {
  readonly limit: number;
  readonly cursor?: string;
}

const rowsMax = 10_000;

/** Adds `--limit` and `--cursor`. */
export function withPaging(command: Command): Command {
  return command
    .option('--limit <n>', 'rows to show at the most', rowCount, 100)
    .option('--cursor <cursor>', 'go on after an earlier list');
}

function rowCount(text: string): number {
  const count = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > rowsMax) throw new InvalidArgumentError(`1 to ${rowsMax}`);
  return count;
}

/** A duration as seconds, for options. */
export function duration(text: string): number {
  const milliseconds = durationMs(text);
  if (milliseconds === null) throw new InvalidArgumentError('a duration is 90s, 15m, 2h or 7d');
  return milliseconds / 1000;
}

/** Why something is done, as the audit keeps it: one line. */
export function reasonText(text: string): string {
  if (/^[^\p{Cc}]{1,512}$/u.test(text)) return text;
  throw new InvalidArgumentError('a reason is one line of 1 to 512 characters');
}

/** For options that may be given more than once. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/**
 * The command of a noun, to which its verbs are added; made when it is not there yet. Alone it
 * lists what the summary says.
 */
export function noun(program: Command, name: string, summary: string): Command {
  const known = program.commands.find((command) => command.name() === name);
  return known ?? program.command(name).summary(summary).description(`Lists ${summary}.`);
}
