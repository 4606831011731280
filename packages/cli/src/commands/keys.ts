import { createPrivateKey, type KeyObject } from 'node:crypto';
import { endorsedPurposes } from '@sallyport/shared/keys/root';
import { type Command, InvalidArgumentError } from 'commander';
import { action, type CommandFile } from '../call.ts';
import { type Api, apiPath } from '../client/api.ts';
import { type Json, readObject, readObjects, show, showTime } from '../client/reading.ts';
import { Failure } from '../exit.ts';
import { endorse } from '../key-endorsement.ts';
import { type Column, table } from '../output/table.ts';
import { readTextFile } from '../sources.ts';
import { collect, noun } from './options.ts';

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
    action<{ root: string; purpose?: readonly string[] }>(session, async (call) => {
      const { api, options, output } = call;
      const root = await readRoot(options.root);
      const made = await rotateWith(api(), root, options.purpose);
      output.result({ items: made }, () =>
        made.length === 0
          ? 'no key ends within 31 days; name a purpose with --purpose to rotate anyway'
          : table(keyColumns, made),
      );
      return 'ok';
    }),
  );
};

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
      (text: string, before?: readonly string[]) => collect(known(text), before),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  sallyport keys rotate --root /media/usb/root.key.pem\n  sallyport keys rotate --root root.key.pem --purpose lane-revoke --purpose heartbeat',
    );
}

function known(purpose: string): string {
  const purposes: readonly string[] = endorsedPurposes;
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

async function rotateWith(
  api: Api,
  root: KeyObject,
  purposes: readonly string[] | undefined,
): Promise<readonly Json[]> {
  const wanted = purposes === undefined ? {} : { purposes };
  const proposed = await api.send('POST', apiPath('keys:propose'), wanted);
  const proposals = readObjects(readObject(proposed.body, 'the proposals'), 'proposals');
  if (proposals.length === 0) return [];
  const endorsements = proposals.map((proposal) => endorse(proposal, root, purposes));
  const { body } = await api.send('POST', apiPath('keys:endorse'), { endorsements });
  return readObjects(readObject(body, 'the keys'), 'items');
}

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
