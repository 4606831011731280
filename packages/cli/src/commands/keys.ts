import { createPrivateKey, type KeyObject } from 'node:crypto';
import { type EndorsedFields, endorsedPurposes } from '@sallyport/shared/keys/root';
import { type Command, InvalidArgumentError } from 'commander';
import { action, argument, type Call, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { orNotFound } from '../client/failures.ts';
import { type Json, readObject, readObjects, show, showTime } from '../client/reading.ts';
import { Failure } from '../exit.ts';
import { endorse, fingerprint, readProposals } from '../key-endorsement.ts';
import { type Column, table } from '../output/table.ts';
import { readTextFile } from '../sources.ts';
import { confirm } from './confirm.ts';
import { collect, noun, reasonText } from './options.ts';

/** `keys`: the keys that the control plane signs with, and `keys rotate` for new ones. */
export const registerKeys: CommandFile = (program, session) => {
  const keys = noun(program, 'keys', 'keys that the control plane signs with');
  keys
    .command('list', { isDefault: true })
    .summary('list the signing keys')
    .description('Lists the keys that the control plane signs with, and how long they last.')
    .action(
      action(session, async ({ api, output }) => {
        const list = readObject(await api().get(apiPath('keys')), 'the keys');
        output.result(list, () => describe(list));
        for (const purpose of due(list)) {
          output.note(`${purpose} has fewer than 7 days left: sallyport keys rotate --root FILE`);
        }
        return 'ok';
      }),
    );
  rotate(keys).action(
    action<RotateOptions>(session, async (call) => {
      const { options, output } = call;
      const root = await readRoot(options.root);
      const made = await rotateWith(call, root);
      output.result({ items: made }, () =>
        made.length === 0
          ? 'no key ends within 31 days; name a purpose with --purpose to rotate anyway'
          : table(keyColumns, made),
      );
      return 'ok';
    }),
  );
  withdraw(keys).action(
    action<{ reason: string }>(session, async (call) => {
      const keyId = argument(call, 0);
      const { reason } = call.options;
      const missing = `there is no key ${keyId}; see "sallyport keys"`;
      // The API would tell a form that no key has in its own words.
      if (!/^[a-z0-9-]{1,64}$/.test(keyId)) throw new Failure('not_found', missing);
      const sent = call.api().send('POST', apiPath('keys:withdraw'), { keyId, reason });
      const gone = readObject((await orNotFound(sent, missing)).body, 'the key');
      call.output.result(gone, () => `withdrew ${show(gone, 'keyId')}`);
      return 'ok';
    }),
  );
};

interface RotateOptions {
  readonly root: string;
  readonly purpose?: readonly string[];
  readonly now?: boolean;
  readonly yes?: boolean;
}

function withdraw(keys: Command): Command {
  return keys
    .command('withdraw')
    .summary('take a key out of use before its end')
    .description(
      'Takes a key out of use before its end, for one that somebody else may have. Control planes sign nothing with it any more, edges refuse what it signed, and sessions of a statement key end. The only live key of its purpose is not withdrawn: make another first with "sallyport keys rotate --now".',
    )
    .argument('<key-id>', 'id of the key, as `sallyport keys` shows it')
    .requiredOption('--reason <text>', 'what happened, kept in the audit', reasonText)
    .addHelpText(
      'after',
      "\nExample:\n  sallyport keys withdraw lane-revoke-0123456789ab --reason 'its host was taken over'",
    );
}

function rotate(keys: Command): Command {
  return keys
    .command('rotate')
    .summary('make new keys, and vouch for them with the root key')
    .description(
      'Has the control plane make new key pairs, vouches for their public halves with the root key, and puts them into force. The private halves never leave the control plane, and the root key never leaves this machine. New keys take over half a life before the old ones end, so edges know them in time.',
    )
    .requiredOption('--root <file>', 'the root key, root.key.pem of "sallyport init"')
    .option(
      '--purpose <purpose>',
      `of this purpose, repeatable: ${endorsedPurposes.join(', ')} (default: those that end within 31 days)`,
      (text: string, before?: readonly string[]) => collect(known(text, before), before),
    )
    .option(
      '--now',
      'keys that begin now and sign at once, for an emergency; of every purpose unless named',
    )
    .option('--yes', 'sign without asking, for scripts')
    .addHelpText(
      'after',
      '\nExamples:\n  sallyport keys rotate --root /media/usb/root.key.pem\n  sallyport keys rotate --root root.key.pem --purpose lane-revoke --purpose heartbeat',
    );
}

function known(purpose: string, before: readonly string[] = []): string {
  const purposes: readonly string[] = endorsedPurposes;
  if (before.includes(purpose)) throw new InvalidArgumentError('it is named twice');
  if (purposes.includes(purpose)) return purpose;
  throw new InvalidArgumentError(`one of ${purposes.join(', ')}`);
}

async function readRoot(file: string): Promise<KeyObject> {
  const text = await readTextFile(file);
  try {
    const key = createPrivateKey(text);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (error) {
    throw new Failure('invalid', `${file} is not a private key in PEM`, { cause: error });
  }
  throw new Failure('invalid', `${file} is not the root key of an installation`);
}

async function rotateWith(call: Call<RotateOptions>, root: KeyObject): Promise<readonly Json[]> {
  const { purpose: purposes, now } = call.options;
  const wish = { ...(purposes && { purposes }), ...(now === true && { now }) };
  const proposed = await call.api().send('POST', apiPath('keys:propose'), wish);
  const proposals = readObjects(readObject(proposed.body, 'the proposals'), 'proposals');
  if (proposals.length === 0) return [];
  const keys = readProposals(proposals, { purposes, nowMs: Date.now() });
  // What the root key is about to vouch for goes to standard error, so that a person reads it.
  call.output.note(table(proposalColumns, keys));
  await confirm(call, {
    ask: 'Sign these keys with the root key?',
    yesMeans: 'to sign these keys',
    declined: 'nothing was signed',
  });
  const endorsements = keys.map((key) => endorse(key, root));
  const { body } = await call
    .api()
    .send('POST', apiPath('keys:endorse'), { endorsements })
    .catch((error: unknown) => {
      throw foreignRoot(error, call.options.root) ?? error;
    });
  return readObjects(readObject(body, 'the keys'), 'items');
}

/** The API finds that the word of a key is not that of its root key; here that is a wrong file. */
function foreignRoot(error: unknown, file: string): Failure | null {
  if (!(error instanceof Failure)) return null;
  if (!error.problems.some(({ field }) => field.endsWith('/rootSignature'))) return null;
  return new Failure('invalid', `${file} is not the root key of this installation`, {
    cause: error,
  });
}

const proposalColumns: readonly Column<EndorsedFields>[] = [
  { heading: 'PURPOSE', cell: ({ purpose }) => purpose },
  { heading: 'FROM', cell: ({ notBeforeMs }) => showTime({ at: notBeforeMs }, 'at') },
  { heading: 'UNTIL', cell: ({ notAfterMs }) => showTime({ at: notAfterMs }, 'at') },
  { heading: 'SHA-256', cell: fingerprint },
];

const keyColumns: readonly Column<Json>[] = [
  { heading: 'PURPOSE', cell: (key) => show(key, 'purpose') },
  { heading: 'KEY', cell: (key) => show(key, 'keyId') },
  { heading: 'STATE', cell: (key) => show(key, 'state') },
  { heading: 'FROM', cell: (key) => showTime(key, 'notBefore') },
  { heading: 'UNTIL', cell: (key) => showTime(key, 'notAfter') },
];

function describe(list: Json): string {
  const ends = new Map(
    readObjects(list, 'purposes').map((one) => [show(one, 'purpose'), show(one, 'daysLeft')]),
  );
  return table(
    [
      ...keyColumns,
      { heading: 'PURPOSE LASTS', cell: (key) => `${ends.get(show(key, 'purpose')) ?? '?'} days` },
    ],
    readObjects(list, 'items'),
  );
}

function due(list: Json): string[] {
  return readObjects(list, 'purposes')
    .filter((one) => one['rotateSoon'] === true)
    .map((one) => show(one, 'purpose'));
}
