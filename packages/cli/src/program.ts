import { Command, CommanderError, Option } from 'commander';
import type { Session, Terminal } from './call.ts';
import { defaultUrl } from './client/settings.ts';
import { commandFiles } from './commands/index.ts';
import { exits, Failure } from './exit.ts';
import { createOutput } from './output/output.ts';

/** Runs one command line, without the program's own name; gives the exit code. */
export async function runCommandLine(argv: readonly string[], terminal: Terminal): Promise<number> {
  const session: Session = { terminal, exit: 'ok' };
  const refused: string[] = [];
  try {
    await createProgram(session, refused).parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) session.exit = reportUsage(argv, terminal, error, refused);
  }
  return exits[session.exit].code;
}

/** Builds the program; what commander finds wrong with the command line is put into `refused`. */
function createProgram(session: Session, refused: string[]): Command {
  const program = new Command('sallyport');
  program
    .description('Administers a Sallyport control plane over its admin API.')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .option('--url <url>', `admin API (SALLYPORT_URL; default: ${defaultUrl})`)
    .option('--token-file <file>', 'file with the token (SALLYPORT_TOKEN_FILE, SALLYPORT_TOKEN)')
    .option('--ca <file>', "PEM of the authority of the server's certificate (SALLYPORT_CA)")
    .option('--json', 'the result as JSON on standard output, and nothing else there')
    .addOption(
      new Option('--idempotency-key <key>', 'repeat a write that got no answer, safely').argParser(
        idempotencyKey,
      ),
    )
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: session.terminal.stdout,
      writeErr: session.terminal.stderr,
      outputError: (text) => void refused.push(text.trim()),
    })
    .exitOverride()
    .addHelpText('after', `\n${exitCodesText()}`);
  for (const register of commandFiles) register(program, session);
  return program;
}

function idempotencyKey(text: string): string {
  if (/^[\x21-\x7e]{1,255}$/.test(text)) return text;
  throw new CommanderError(
    1,
    'sallyport.idempotencyKey',
    'an idempotency key has 1 to 255 visible ASCII characters and no spaces',
  );
}

function reportUsage(
  argv: readonly string[],
  terminal: Terminal,
  error: CommanderError,
  refused: readonly string[],
): 'usage' {
  // A bare `sallyport` has printed its help to standard error already.
  if (error.code === 'commander.help') return 'usage';
  const message = (refused[0] ?? error.message)
    .replace(/^error: /, '')
    .replace(/\.?$/, '')
    .replaceAll('\n', ' ');
  const names = commandNames();
  const known = [argv.slice(0, 2).join(' '), argv[0]].find((name = '') => names.includes(name));
  const help = known === undefined ? 'sallyport --help' : `sallyport ${known} --help`;
  const output = createOutput(terminal, argv.includes('--json'));
  output.failure(new Failure('usage', `${message} (see ${help})`));
  return 'usage';
}

function exitCodesText(): string {
  const lines = Object.values(exits).map(({ code, meaning }) => `  ${code}  ${meaning}`);
  return `Exit codes:\n${lines.join('\n')}`;
}

/** The name of every command, `devices enrol` for example; the documents are held to them. */
export function commandNames(): readonly string[] {
  const nothing = (): never => {
    throw new Error('no command runs here');
  };
  const terminal: Terminal = {
    env: {},
    stdin: { [Symbol.asyncIterator]: nothing },
    stdinIsTerminal: false,
    stdout: nothing,
    stderr: nothing,
    interrupt: nothing,
  };
  const program = createProgram({ terminal, exit: 'ok' }, []);
  return program.commands.flatMap((command) => [
    command.name(),
    ...command.commands.map((verb) => `${command.name()} ${verb.name()}`),
  ]);
}
