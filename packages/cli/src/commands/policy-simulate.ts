import { readYaml } from '@sallyport/shared/configuration/yaml';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { action, argument, type Call, type CommandFile } from '../call.ts';
import {
  type CandidateOptions,
  noSuchVersion,
  readCandidate,
  withCandidate,
} from '../candidate.ts';
import { type Api, apiPath } from '../client/api.ts';
import { orNotFound } from '../client/failures.ts';
import { findUserId } from '../client/find.ts';
import { type Json, readObject, readObjects, show } from '../client/reading.ts';
import { Failure } from '../exit.ts';
import { describeWouldDeny } from '../explanation.ts';
import { printable } from '../output/printable.ts';
import { readTextFile } from '../sources.ts';
import { describeSteps } from '../trace.ts';
import { collect, durationText, group, instantText, methodName } from './options.ts';
import { policySummary } from './policy-summary.ts';

interface Options extends CandidateOptions {
  readonly request?: string;
  readonly method?: string;
  readonly user?: string;
  readonly group?: readonly string[];
  readonly device?: 'managed' | 'unmanaged';
  readonly owned?: boolean;
  readonly amr?: readonly string[];
  readonly signedInAgo?: string;
  readonly from?: string;
  readonly country?: string;
  readonly at?: string;
  readonly header?: readonly (readonly [string, string])[];
}

/** `policy simulate`: how one made-up request would be decided. */
export const registerPolicySimulate: CommandFile = (program, session) => {
  const command: Command = group(program, 'policy', policySummary)
    .command('simulate')
    .summary('decide one made-up request, and show each step')
    .description(
      'Has the control plane decide a request that nobody sent. What is not said of it is not known: no device, nobody signed in. A user without --group has the groups that the directory says.',
    )
    .argument('[url]', 'https://host/path of the request')
    .option('--method <method>', 'GET unless given', methodName)
    .option('--user <address>', 'somebody signed in')
    .option('--group <name>', 'in this group, repeatable', collect)
    .addOption(
      new Option('--device <kind>', 'on an enrolled device').choices(['managed', 'unmanaged']),
    )
    .option('--owned', 'and the device is their own')
    .option('--amr <method>', 'signed in with this method, repeatable (pwd)', collect)
    .option('--signed-in-ago <duration>', 'signed in that long ago (1m)', durationText)
    .option('--from <address>', 'from this address')
    .option('--country <code>', 'from this country')
    .option('--at <time>', 'at this time, RFC 3339 (now)', instantText)
    .option('--header <name=value>', 'with this header, repeatable', header)
    .option('--request <file>', 'all of that from a file, in the form of a test of a document');
  withCandidate(command)
    .addHelpText(
      'after',
      `
Examples:
  sallyport policy simulate https://wiki.corp.example/ --user alice@corp.example --device managed
  sallyport policy simulate https://wiki.corp.example/ --user dana@corp.example --group contractors -f policy.yaml
  sallyport policy simulate --request request.yaml --version 42`,
    )
    .action(
      action<Options>(session, async (call) => {
        checkOptions(call);
        const body = { ...(await readCandidate(call)), request: await readRequest(call) };
        const sent = await orNotFound(
          call.api().send('POST', apiPath('policy:simulate'), body),
          noSuchVersion(call.options.version),
        );
        const answer = readObject(sent.body, 'the simulation');
        call.output.result(answer, () => describe(answer));
        return 'ok';
      }),
    );
};

function header(text: string, before: readonly (readonly [string, string])[] = []) {
  const [, name, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('name=value');
  return [...before, [name.toLowerCase(), value] as const];
}

/** Options that say more of what another one names; alone they would have no effect. */
const goWith = [
  ['group', 'user'],
  ['amr', 'user'],
  ['signedInAgo', 'user'],
  ['owned', 'device'],
] as const;

/** What `--request` says already, or would say. */
const inRequest = [
  ...(['method', 'user', 'group', 'device', 'owned', 'amr', 'signedInAgo'] as const),
  ...(['from', 'country', 'at', 'header'] as const),
] as const;

/** Refuses what would be left out of account without a word. */
function checkOptions({ args, options }: Call<Options>): void {
  if (options.request !== undefined) {
    if (args.length > 0) throw new Failure('usage', '--request goes without a URL');
    const given = inRequest.find((name) => options[name] !== undefined);
    if (given === undefined) return;
    throw new Failure('usage', `--request goes without ${flag(given)}; say it in the file`);
  }
  const [url] = args;
  if (url === undefined) throw new Failure('usage', 'name a URL, or a file with --request');
  if (!url.startsWith('https://') || !URL.canParse(url)) {
    throw new Failure('usage', `${url} is no URL such as https://wiki.corp.example/start`);
  }
  for (const [name, other] of goWith) {
    if (options[name] === undefined || options[other] !== undefined) continue;
    throw new Failure('usage', `${flag(name)} goes with ${flag(other)}`);
  }
}

function flag(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

async function readRequest(call: Call<Options>): Promise<Json> {
  const { request: file } = call.options;
  if (file === undefined) return madeUp(call, argument(call, 0));
  const { documents, problems } = readYaml(await readTextFile(file));
  const [problem] = problems;
  if (problem !== undefined) {
    const field = `${file}:${problem.line}:${problem.column}`;
    throw new Failure('invalid', 'the request cannot be read', {
      problems: [{ field, message: problem.message }],
    });
  }
  const value = documents[0]?.value;
  if (documents.length !== 1 || typeof value !== 'object' || value === null) {
    throw new Failure('invalid', `${file} does not hold one request`);
  }
  // A test that stands in a document can be taken as it is.
  const { name: _, description: __, expect: ___, ...request } = value as Json;
  return request;
}

async function madeUp({ options, api }: Call<Options>, url: string): Promise<Json> {
  const { method, user, group: groups, device, owned, from, country, at } = options;
  const { amr, header: headers, signedInAgo } = options;
  const session = {
    ...(amr !== undefined && { amr }),
    ...(signedInAgo !== undefined && { authenticatedAgo: signedInAgo }),
  };
  return {
    request: { url, ...(method !== undefined && { method }) },
    ...(user !== undefined && {
      user: groups === undefined ? await fromDirectory(api(), user) : { email: user, groups },
    }),
    ...(Object.keys(session).length > 0 && { session }),
    ...(device !== undefined && {
      device: { managed: device === 'managed', ownedByUser: owned === true },
    }),
    ...(from !== undefined && { from }),
    ...(country !== undefined && { country }),
    ...(at !== undefined && { at }),
    ...(headers !== undefined && { headers: byName(headers) }),
  };
}

function byName(lines: readonly (readonly [string, string])[]): Json {
  const names = [...new Set(lines.map(([name]) => name))];
  return Object.fromEntries(
    names.map((name) => [name, lines.filter(([one]) => one === name).map(([, value]) => value)]),
  );
}

/** What decisions see of a user, as the directory has it. */
async function fromDirectory(api: Api, address: string): Promise<Json> {
  const id = await findUserId(api, address);
  const user = readObject(await api.get(apiPath('users', id)), 'the user');
  const employment = user['employment'];
  return {
    id,
    email: show(user, 'email'),
    groups: user['groups'],
    ...(user['status'] === 'suspended' && { suspended: true }),
    ...(typeof employment === 'object' &&
      employment !== null && { employment: known(employment as Json) }),
  };
}

function known({ class: kind, endsAt }: Json): Json {
  return { class: kind, ...(typeof endsAt === 'string' && { endsAt }) };
}

function describe(answer: Json): string {
  const outcome = show(answer, 'outcome').toUpperCase().replace('_', ' ');
  const by =
    answer['version'] === null ? 'by these documents' : `by version ${show(answer, 'version')}`;
  if (answer['decision'] === null) {
    return printable(
      `${outcome} ${by}: an edge does not look at such an address (${show(answer, 'problem')})`,
    );
  }
  const decision = readObject(answer['decision'], 'the decision');
  const codes = readObjects(decision, 'reasons').map((reason) => show(reason, 'code'));
  const rules = show(decision, 'ruleIds');
  return [
    printable(`${outcome} ${by}: ${codes.join(', ')}${rules === '' ? '' : ` (${rules})`}`),
    ...describeWouldDeny(decision).map(printable),
    '',
    describeSteps(readObjects(answer, 'trace')),
  ].join('\n');
}
