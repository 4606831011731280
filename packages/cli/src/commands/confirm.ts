import type { Call } from '../call.ts';
import { Failure } from '../exit.ts';
import { readLine } from '../sources.ts';

/** What a person is asked, and what is said where the answer is another one or none can be given. */
export interface Question {
  readonly ask: string;
  /** What `--yes` stands for, where nobody can be asked: "to sign these keys". */
  readonly yesMeans: string;
  readonly declined: string;
}

/** Asks a person at the terminal for a `yes`; `--yes` gives it beforehand. Fails for all else. */
export async function confirm(
  { options, output, terminal }: Call<{ readonly yes?: boolean }>,
  { ask, yesMeans, declined }: Question,
): Promise<void> {
  if (options.yes === true) return;
  if (!terminal.stdinIsTerminal || options.json === true) {
    throw new Failure('usage', `nobody can be asked here; say --yes ${yesMeans}`);
  }
  output.note(`${ask} Type yes:`);
  if ((await readLine(terminal.stdin)) !== 'yes') throw new Failure('failed', declined);
}
