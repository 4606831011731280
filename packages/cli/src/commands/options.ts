import { durationMs, instantMs } from '@sallyport/policy';
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
    .option('--limit <n>', 'rows to show at the most', count(rowsMax), 100)
    .option('--cursor <cursor>', 'go on after an earlier list');
}

/** A number of things, for options. */
export function count(max: number): (text: string) => number {
  return (text) => {
    const number = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
    if (number < 1 || number > max) throw new InvalidArgumentError(`1 to ${max}`);
    return number;
  };
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

/** A time in the past, for options: `24h` ago, or RFC 3339. Gives RFC 3339. */
export function pastInstant(text: string): string {
  const ago = durationMs(text);
  const at = ago === null ? Date.parse(text) : Date.now() - ago;
  if (Number.isFinite(at)) return new Date(at).toISOString();
  throw new InvalidArgumentError('24h, 7d, or a time like 2026-01-31T08:00:00Z');
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

/** The command that only holds others, which are added to it; made when it is not there yet. */
export function group(program: Command, name: string, summary: string): Command {
  const known = program.commands.find((command) => command.name() === name);
  return known ?? program.command(name).summary(summary).description(summary);
}

/** The number of a version, for arguments. */
export function versionNumber(text: string): string {
  if (/^[1-9][0-9]{0,14}$/.test(text)) return text;
  throw new InvalidArgumentError('the number of a version, 42 for example');
}

/** A method of a request, for options. */
export function methodName(text: string): string {
  if (/^[A-Z]{3,16}$/.test(text)) return text;
  throw new InvalidArgumentError('a method in capital letters, such as GET');
}

/** A path of a request, for options. */
export function pathText(text: string): string {
  if (text.startsWith('/')) return text;
  throw new InvalidArgumentError('a path that starts with /');
}

/** A duration as it stands in documents, for options. */
export function durationText(text: string): string {
  if (durationMs(text) !== null) return text;
  throw new InvalidArgumentError('a duration is 90s, 15m, 2h or 7d');
}

/** An instant as it stands in documents, for options. */
export function instantText(text: string): string {
  if (instantMs(text) !== null) return text;
  throw new InvalidArgumentError('a date and time with its offset, such as 2026-12-01T08:00:00Z');
}
