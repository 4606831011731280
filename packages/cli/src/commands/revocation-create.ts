import { Argument, type Command, Option } from 'commander';
import { action, argument, type Call, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { type Json, readObject, show } from '../client/reading.ts';
import { Failure } from '../exit.ts';
import { describeReceipts } from '../output/receipts.ts';
import { duration, reasonText } from './options.ts';

const targets = [
  'user',
  'device',
  'session',
  'certificate',
  'service',
  'edge',
  'everyone',
] as const;
type Target = (typeof targets)[number];

interface Options {
  readonly effect?: string;
  readonly reason: string;
  readonly expiresIn?: number;
  readonly wait?: boolean;
}

/** `revoke`: ends or blocks access, on every edge. */
export const registerRevoke: CommandFile = (program, session) => {
  const command: Command = program
    .command('revoke')
    .summary('end sessions, or block a user, device, certificate, service, edge or everyone')
    .description(
      'Ends sessions or blocks access on every edge, for new requests and for open connections.\n\n"end": the sessions are over, signing in again is allowed. The default for session and everyone.\n"block": refused until lifted or expired. The default for the others; on everyone it is a lockdown.',
    )
    .addArgument(new Argument('<target>', 'what to revoke').choices(targets))
    .argument(
      '[id]',
      'id; for a user also the e-mail address; for a service its name; for a certificate its SHA-256',
    )
    .addOption(new Option('--effect <effect>', 'what to do').choices(['end', 'block']))
    .option(
      '--reason <text>',
      'why, kept with the revocation',
      reasonText,
      'revoked from the command line',
    )
    .option('--expires-in <duration>', 'lift a block by itself after 90s, 15m, 2h, 7d', duration)
    .option('--wait', 'wait up to 5 s until every edge enforces it, and show when each did')
    .addHelpText(
      'after',
      `
Examples:
  sallyport revoke user alice@corp.example --reason 'laptop stolen' --wait
  sallyport revoke session ses_01k…
  sallyport revoke everyone --wait                 # all must sign in again
  sallyport revoke everyone --effect block         # lockdown; undo with: sallyport lift ID

With --wait the exit code is 7 when an edge has not confirmed in time.`,
    );
  command.action(
    action<Options>(session, async (call) => {
      const { api, options, output } = call;
      const wanted = target(call);
      const { body } = await api()
        .send(
          'POST',
          apiPath('revocations'),
          {
            target: wanted,
            reason: options.reason,
            ...(options.effect === undefined ? {} : { effect: options.effect }),
            ...(options.expiresIn === undefined ? {} : { expiresInSeconds: options.expiresIn }),
          },
          options.wait === true ? { wait: 'enforced' } : {},
        )
        .catch((error: unknown) => {
          throw notFoundTarget(error, wanted) ?? error;
        });
      const revocation = readObject(body, 'the revocation');
      output.result(revocation, () => describe(revocation, options.wait === true));
      return options.wait === true && revocation['enforced'] !== true ? 'partly_enforced' : 'ok';
    }),
  );
};

function target(call: Call): Json {
  const kind = argument(call, 0) as Target;
  const subject = call.args[1];
  if (kind === 'everyone') {
    if (subject !== undefined) throw new Failure('usage', 'everyone takes no id');
    return { kind };
  }
  if (subject === undefined) throw new Failure('usage', `revoke ${kind} needs an id`);
  if (kind === 'user' && subject.includes('@')) return { kind, email: subject };
  if (kind === 'service') return { kind, name: subject };
  // Tools print fingerprints with colons and in capitals.
  if (kind === 'certificate') return { kind, id: subject.replaceAll(':', '').toLowerCase() };
  return { kind, id: subject };
}

/** The API tells a target that is not there as a wrong field; for us there is no such resource. */
function notFoundTarget(error: unknown, wanted: Json): Failure | null {
  if (!(error instanceof Failure) || error.exit !== 'invalid') return null;
  const [problem, ...others] = error.problems;
  if (problem === undefined || others.length > 0) return null;
  // An id of the wrong form names nothing either. An address may also be that of several users.
  const missing =
    problem.field === '/target/id' ||
    problem.field === '/target/name' ||
    (problem.field === '/target/email' && problem.message === 'no user has this address');
  if (!missing) return null;
  const subject = show(wanted, 'email') || show(wanted, 'name') || show(wanted, 'id');
  return new Failure('not_found', `there is no ${show(wanted, 'kind')} ${subject}`, {
    cause: error,
  });
}

function describe(revocation: Json, waited: boolean): string {
  const done = `${show(revocation, 'id')} ${show(revocation, 'effect')} committed`;
  return waited
    ? `${done}\n${describeReceipts(revocation)}`
    : `${done}\nedges enforce it as it reaches them; --wait shows when`;
}
