import type { Command } from 'commander';
import { type Api, createApi } from './client/api.ts';
import { type ClientOptions, readClientSettings } from './client/settings.ts';
import { type Exit, Failure } from './exit.ts';
import { createOutput, type Output, type Streams } from './output/output.ts';

/** What a command has of the process around it; tests give their own. */
export interface Terminal extends Streams {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Standard input, and whether a person is typing there. */
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdinIsTerminal: boolean;
  /** From the first call on, an interrupt aborts this signal instead of ending the process. */
  readonly interrupt: () => AbortSignal;
}

/** Options that every command takes. */
export interface GlobalOptions extends ClientOptions {
  readonly json?: boolean;
  readonly idempotencyKey?: string;
  /** Of `get` alone: `json` says the same as `--json`. */
  readonly output?: string;
}

/** One run of one command. */
export interface Call<Options = object> {
  readonly args: readonly string[];
  readonly options: Options & GlobalOptions;
  readonly output: Output;
  readonly terminal: Terminal;
  /**
   * The client; made at the first use, so that commands without it need no token. `interrupt` ends
   * requests that wait.
   */
  readonly api: (interrupt?: AbortSignal) => Api;
}

/** Where the parts of the program meet: the terminal, and how the run ended. */
export interface Session {
  readonly terminal: Terminal;
  exit: Exit;
}

/** The file of one command registers it. */
export type CommandFile = (program: Command, session: Session) => void;

/**
 * The action of a command: prepares the call, runs the body, turns a `Failure` into words and an
 * exit. Other errors are bugs and pass.
 */
export function action<Options = object>(
  session: Session,
  body: (call: Call<Options>) => Promise<Exit>,
): (...parsed: unknown[]) => Promise<void> {
  return async (...parsed) => {
    const command = parsed.at(-1) as Command;
    const options = command.optsWithGlobals<Options & GlobalOptions>();
    const { terminal } = session;
    const json = options.json === true || options.output === 'json';
    const output = createOutput(terminal, json);
    let api: Api | null = null;
    const open = (interrupt?: AbortSignal): Api =>
      createApi(readClientSettings(options, terminal.env, output.note), {
        idempotencyKey: options.idempotencyKey ?? null,
        interrupt: interrupt ?? null,
      });
    try {
      session.exit = await body({
        args: command.args,
        options,
        output,
        terminal,
        api: (interrupt) => (api ??= open(interrupt)),
      });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      output.failure(error);
      session.exit = error.exit;
    } finally {
      await (api as Api | null)?.close();
    }
  };
}

/** The positional argument at this place, which the command line has been checked to have. */
export function argument(call: Call<unknown>, index: number): string {
  const value = call.args[index];
  if (value === undefined) throw new Failure('usage', 'an argument is missing');
  return value;
}
