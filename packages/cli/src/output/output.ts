import { exits, type Failure } from '../exit.ts';
import { printable, printableJson } from './printable.ts';

/** The two streams of a process as far as a command writes to them. */
export interface Streams {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

/**
 * What a command says. With `--json` the result is the only thing on standard output; for a person
 * notes and failures go to standard error, so that a pipe carries the result alone.
 */
export interface Output {
  readonly json: boolean;
  /** The result, once: as one JSON value, or as `text` for a person. */
  readonly result: (value: unknown, text: () => string) => void;
  /** One of many results of a command that follows: a JSON line, or a line of text. */
  readonly line: (value: unknown, text: () => string) => void;
  /** A remark for a person; silent with `--json`. */
  readonly note: (text: string) => void;
  readonly failure: (failure: Failure) => void;
}

/** Makes the output of one command. */
export function createOutput(streams: Streams, json: boolean): Output {
  return {
    json,
    result: (value, text) =>
      streams.stdout(json ? `${printableJson(value, 2)}\n` : withNewline(text())),
    line: (value, text) => streams.stdout(json ? `${printableJson(value)}\n` : withNewline(text())),
    note: (text) => {
      if (!json) streams.stderr(withNewline(text));
    },
    failure: (failure) =>
      streams.stderr(json ? `${printableJson(failureJson(failure))}\n` : failureText(failure)),
  };
}

function failureJson(failure: Failure): unknown {
  return {
    error: {
      exit: failure.exit,
      exitCode: exits[failure.exit].code,
      code: failure.code,
      message: failure.message,
      problems: failure.problems,
      correlationId: failure.correlationId,
    },
  };
}

function failureText(failure: Failure): string {
  const lines = [`sallyport: ${printable(failure.message)}`];
  for (const { field, message } of failure.problems) {
    lines.push(`  ${printable(field)}: ${printable(message)}`);
  }
  if (failure.correlationId !== null) {
    lines.push(`  (reference ${printable(failure.correlationId)})`);
  }
  return `${lines.join('\n')}\n`;
}

function withNewline(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
