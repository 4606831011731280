import { InvalidArgumentError } from 'commander';
import { action, argument, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { orNotFound } from '../client/failures.ts';
import { type Json, readObject, readObjects, show, showTime } from '../client/reading.ts';
import { table } from '../output/table.ts';
import { noun } from './options.ts';

interface Fact {
  readonly name: string;
  readonly value: boolean | number | string;
}

/** `devices posture`: what was observed of a device. */
export const registerDevicePosture: CommandFile = (program, session) => {
  noun(program, 'devices', '')
    .command('posture')
    .summary('show what was observed of a device, or say it')
    .description(
      'Shows the posture of a device, which rules can ask for. With facts, these take the place of all that were known, as observed now; true, false and numbers are taken as such. A management system would say it over the API.',
    )
    .argument('<device>', 'id')
    .argument('[facts...]', 'name=value', fact)
    .addHelpText(
      'after',
      '\nExample:\n  sallyport devices posture dev_01k… disk-encrypted=true os-version=26 os=macos',
    )
    .action(
      action(session, async (call) => {
        const device = argument(call, 0);
        const api = call.api();
        const facts = call.args.slice(1).map(readFact);
        const found = orNotFound(
          facts.length === 0
            ? api.get(apiPath('devices', device))
            : api.send('PUT', apiPath('devices', device, 'posture'), observed(facts)).then(bodyOf),
          `there is no device ${device}`,
        );
        const posture = readObjects(readObject(await found, 'the device'), 'posture');
        call.output.result({ device, posture }, () => table(columns, posture));
        return 'ok';
      }),
    );
};

const columns = [
  { heading: 'NAME', cell: (row: Json) => show(row, 'name') },
  { heading: 'VALUE', cell: (row: Json) => String(row['value']) },
  { heading: 'OBSERVED', cell: (row: Json) => showTime(row, 'observedAt') },
];

/** Checks one as the command line is read; the words themselves are read in `readFact`. */
function fact(text: string, before: readonly string[] = []): readonly string[] {
  if (!/^[a-z0-9-]{1,63}=./.test(text)) throw new InvalidArgumentError('name=value');
  return [...before, text];
}

function readFact(text: string): Fact {
  const at = text.indexOf('=');
  const value = text.slice(at + 1);
  return { name: text.slice(0, at), value: readValue(value) };
}

function readValue(text: string): Fact['value'] {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d{1,15}(\.\d{1,9})?$/.test(text) ? Number(text) : text;
}

function observed(facts: readonly Fact[]): Json {
  const observedAt = new Date().toISOString();
  return { facts: facts.map((one) => ({ ...one, observedAt })) };
}

function bodyOf({ body }: { readonly body: unknown }): unknown {
  return body;
}
