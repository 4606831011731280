import type { Command } from 'commander';
import { action, argument, type CommandFile, type Session } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { orNotFound } from '../client/failures.ts';
import { readObject, readObjects, show } from '../client/reading.ts';
import { describeDifferences } from '../differences.ts';
import { table } from '../output/table.ts';
import { count, group, pastInstant, versionNumber } from './options.ts';
import { policySummary } from './policy-summary.ts';

const summary = 'have edges decide a candidate beside the live version';
const recordsMax = 100_000;

/** `policy shadow`: a candidate is decided on real requests, and its answers only recorded. */
export const registerPolicyShadow: CommandFile = (program, session) => {
  const shadow = group(group(program, 'policy', policySummary), 'shadow', summary);
  start(shadow, session);
  stop(shadow, session);
  status(shadow, session);
  report(shadow, session);
};

function start(shadow: Command, session: Session): void {
  shadow
    .command('start')
    .summary('have edges decide a candidate, too')
    .description(
      'Edges answer every request by the live version, then decide it by the candidate as well, and record where the two differ. Nobody notices.',
    )
    .argument('<version>', 'a candidate, of "sallyport apply --candidate"', versionNumber)
    .option('--ring <name>', 'on the edges of this ring (default)')
    .addHelpText('after', '\nExample:\n  sallyport policy shadow start 42')
    .action(
      action<{ ring?: string }>(session, async (call) => {
        const version = argument(call, 0);
        const { ring } = call.options;
        const { body } = await orNotFound(
          call.api().send('PUT', apiPath('shadow'), {
            version: Number(version),
            ...(ring !== undefined && { ring }),
          }),
          `there is no version ${version}`,
        );
        const set = readObject(body, 'the shadow');
        call.output.result(
          set,
          () =>
            `the ring ${show(set, 'ring')} decides version ${version} in the shadow of ${show(set, 'version')}`,
        );
        return 'ok';
      }),
    );
}

function stop(shadow: Command, session: Session): void {
  shadow
    .command('stop')
    .summary('have edges decide the live version alone again')
    .description('Ends the shadow of a ring. What was recorded stays.')
    .option('--ring <name>', 'on the edges of this ring (default)')
    .action(
      action<{ ring?: string }>(session, async ({ api, options, output }) => {
        const { ring } = options;
        const { body } = await orNotFound(
          api().send('DELETE', apiPath('shadow'), undefined, { ring }),
          'there is no shadow',
        );
        const gone = readObject(body, 'the shadow');
        output.result(gone, () => `the ring ${show(gone, 'ring')} has no shadow any more`);
        return 'ok';
      }),
    );
}

function status(shadow: Command, session: Session): void {
  shadow
    .command('status')
    .summary('list the rings that have a shadow')
    .description('Lists the rings that have a shadow.')
    .action(
      action(session, async ({ api, output }) => {
        const list = readObject(await api().get(apiPath('shadow')), 'the shadows');
        output.result(list, () =>
          table(
            [
              { heading: 'RING', cell: (row) => show(row, 'ring') },
              { heading: 'LIVE', cell: (row) => show(row, 'version') },
              { heading: 'SHADOW', cell: (row) => show(row, 'shadowVersion') },
            ],
            readObjects(list, 'items'),
          ),
        );
        return 'ok';
      }),
    );
}

function report(shadow: Command, session: Session): void {
  shadow
    .command('report')
    .summary('who would gain and who would lose access')
    .description(
      'Tells who would have gained and who would have lost access by the version in the shadow, by user, route and rule.',
    )
    .option(
      '--version <number>',
      'of this version (default: the one in the shadow now)',
      versionNumber,
    )
    .option('--since <time>', '24h, 7d or RFC 3339', pastInstant)
    .option('--limit <n>', `records to read, ${recordsMax} at the most`, count(recordsMax))
    .addHelpText('after', '\nExample:\n  sallyport policy shadow report --since 2h')
    .action(
      action<{ version?: string; since?: string; limit?: number }>(session, async (call) => {
        const { version, since, limit } = call.options;
        const found = await orNotFound(
          call.api().get(apiPath('shadow', 'report'), { version, since, limit }),
          'there is no shadow; name a version with --version',
        );
        const answer = readObject(found, 'the report');
        call.output.result(
          answer,
          () =>
            `version ${show(answer, 'version')}: ${show(answer, 'read')} requests with another answer\n\n${describeDifferences(answer)}`,
        );
        if (answer['read'] === 0) {
          call.output.note(
            'how many requests were compared is in sallyport_edge_shadow_decisions_total of the edges',
          );
        }
        if (answer['complete'] !== true) call.output.note('not all were read; see --limit');
        return 'ok';
      }),
    );
}
