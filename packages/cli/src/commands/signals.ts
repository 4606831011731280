import { action, argument, type Call, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { orNotFound } from '../client/failures.ts';
import { findUserId } from '../client/find.ts';
import { type Json, readObject, readObjects, show, showTime } from '../client/reading.ts';
import { describeOne } from '../output/one.ts';
import { fields, table } from '../output/table.ts';
import { breadthOf } from '../signal-breadth.ts';
import { noun, reasonText } from './options.ts';

/** `signals show`, `dismiss` and `undismiss`, and `users risk`. The list is one of `resources`. */
export const registerSignals: CommandFile = (program, session) => {
  const signals = noun(program, 'signals', '');
  signals
    .command('show')
    .summary('show a finding and what it rests on')
    .description('Shows a finding and what it rests on.')
    .argument('<id>', 'id, as `sallyport signals` shows it')
    .addHelpText('after', '\nExample:\n  sallyport signals show sig_01k…')
    .action(
      action(session, async (call) => {
        const id = argument(call, 0);
        const found = await orNotFound(
          call.api().get(apiPath('signals', id)),
          `there is no signal ${id}`,
        );
        const signal = readObject(found, 'the signal');
        call.output.result(signal, () => describeSignal(signal));
        return 'ok';
      }),
    );
  signals
    .command('dismiss')
    .summary('say that a finding is none')
    .description(
      'Says that a finding is none. It counts for nothing from then on, and the same is not raised again for as long as the settings say (30 days unless they do). The same is more than this one event: `signals show` and the answer say what will be hidden. A session that it ended stays ended.',
    )
    .argument('<id>', 'id, as `sallyport signals` shows it')
    .requiredOption('--reason <text>', 'why, kept with the finding', reasonText)
    .addHelpText(
      'after',
      "\nExample:\n  sallyport signals dismiss sig_01k… --reason 'on a business trip'",
    )
    .action(
      action<{ reason: string }>(session, async (call) => {
        const signal = await write(call, 'dismiss', { reason: call.options.reason });
        const until = showTime(signal, 'silentUntil');
        call.output.result(
          signal,
          () =>
            `dismissed ${show(signal, 'id')}\nnot raised before ${until}: ${breadthOf(signal)}\n` +
            `sallyport signals undismiss ${show(signal, 'id')} takes it back`,
        );
        return 'ok';
      }),
    );
  signals
    .command('undismiss')
    .summary('take a dismissal back')
    .description('Takes a dismissal back: the finding counts again, as far as it has not decayed.')
    .argument('<id>', 'id, as `sallyport signals --state dismissed` shows it')
    .action(
      action(session, async (call) => {
        const signal = await write(call, 'undismiss');
        call.output.result(signal, () => `${show(signal, 'id')} is ${show(signal, 'state')}`);
        return 'ok';
      }),
    );
  noun(program, 'users', '')
    .command('risk')
    .summary('show what counts against a user now')
    .description(
      'Shows what counts against a user now, as edges reckon it, and where the user was last. A request adds what is known of its device and session.',
    )
    .argument('<user>', 'id or e-mail address')
    .action(
      action(session, async (call) => {
        const api = call.api();
        const user = argument(call, 0);
        const id = await findUserId(api, user);
        const found = await orNotFound(
          api.get(apiPath('users', id, 'risk')),
          `there is no user ${user}; give an id or an e-mail address`,
        );
        const risk = readObject(found, 'the risk');
        call.output.result(risk, () => describeRisk(risk));
        return 'ok';
      }),
    );
};

async function write(call: Call<unknown>, verb: string, body: Json = {}): Promise<Json> {
  const id = argument(call, 0);
  const path = apiPath('signals', id, verb);
  const answer = await orNotFound(
    call.api().send('POST', path, verb === 'dismiss' ? body : undefined),
    `there is no signal ${id}`,
  );
  return readObject(answer.body, 'the signal');
}

function describeSignal(signal: Json): string {
  const { evidence, subject, ...plain } = signal;
  const dismissed = show(signal, 'state') === 'dismissed';
  const about = readObject(subject, 'the subject');
  const seen = readObject(evidence, 'the evidence');
  const rows = describeOne({ ...plain, subject: `${show(about, 'kind')} ${show(about, 'id')}` });
  const before = seen['before'];
  const request = show(seen, 'correlationId');
  const what = fields([
    ['event', show(seen, 'event')],
    ['request', request],
    ['from', show(seen, 'sourceAddress')],
    ['route', show(seen, 'route')],
    ['here', describePlace(readObject(seen['here'], 'the place'))],
    ['before', before === null ? '' : describePlace(readObject(before, 'the place before'))],
    ['session before', show(seen, 'beforeSid')],
    [dismissed ? 'is hidden' : 'a dismissal hides', breadthOf(signal)],
  ]);
  const who = show(signal, 'userId');
  const next = [
    ...(request === '' ? [] : [`sallyport explain ${request} shows the request, and its edge`]),
    `sallyport decisions list --user ${who} shows the others`,
  ];
  return `${rows}\n${what}\n${next.join('\n')}\n`;
}

function describePlace(place: Json): string {
  const where = ['country', 'region'].map((name) => show(place, name));
  const [latitude, longitude] = [showDegrees(place, 'latitude'), showDegrees(place, 'longitude')];
  const asn = show(place, 'asn');
  return [
    showTime(place, 'at'),
    ...where,
    latitude === '' ? '' : `${latitude} ${longitude}`,
    asn === '' ? '' : `AS${asn}`,
    show(place, 'egress'),
    show(place, 'deviceId'),
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** A hundredth of a degree is about a kilometre; data on places know no better. */
function showDegrees(place: Json, field: string): string {
  const degrees = place[field];
  return typeof degrees === 'number' ? degrees.toFixed(2) : '';
}

function describeRisk(risk: Json): string {
  const last = risk['lastPlace'];
  const head = fields([
    ['risk', show(risk, 'score')],
    ['until', showTime(risk, 'until')],
    ['last place', last === null ? '' : describePlace(readObject(last, 'the last place'))],
  ]);
  const rows = readObjects(risk, 'signals');
  if (rows.length === 0) return head;
  const columns = [
    { heading: 'SIGNAL', cell: (row: Json) => show(row, 'name') },
    { heading: 'SCORE', cell: (row: Json) => show(row, 'score') },
    { heading: 'SINCE', cell: (row: Json) => showTime(row, 'observedAt') },
    { heading: 'EXPIRES', cell: (row: Json) => showTime(row, 'expiresAt') },
    { heading: 'REASON', cell: (row: Json) => show(row, 'reason') },
  ];
  return `${head}\n${table(columns, rows)}`;
}
