import { action, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { type Json, readObject, readObjects, show, showTime } from '../client/reading.ts';
import { type Column, table } from '../output/table.ts';
import { group, pastInstant } from './options.ts';

const columns: readonly Column<Json>[] = [
  { heading: 'ROUTE', cell: (row) => show(row, 'route') },
  { heading: 'SEEN', cell: (row) => show(row, 'name') },
  { heading: 'REQUESTS', cell: (row) => show(row, 'requests') },
  { heading: 'FIRST', cell: (row) => showTime(row, 'firstSeen') },
  { heading: 'LAST', cell: (row) => showTime(row, 'lastSeen') },
];

/** `migration report`: what requests still bring of the gate that was there before. */
export const registerMigration: CommandFile = (program, session) => {
  group(program, 'migration', 'coming from another gate')
    .command('report')
    .summary('show where identity headers and cookies of another gate are still sent')
    .description(
      'Shows by route which identity headers and single sign-on cookies of the gate that was there before requests still bring. Edges strip the headers; a route that is not listed has been brought none.',
    )
    .option('--route <name>', 'of this route')
    .option('--since <time>', '24h, 7d or RFC 3339 (30d); whole days', pastInstant)
    .addHelpText('after', '\nExample:\n  sallyport migration report --since 7d')
    .action(
      action<{ route?: string; since?: string }>(session, async ({ api, options, output }) => {
        const { route, since } = options;
        const body = await api().get(apiPath('migration'), { route, since });
        const report = readObject(body, 'the report');
        output.result(report, () => table(columns, readObjects(report, 'items')));
        output.note(`since ${showTime(report, 'since')}`);
        if (report['complete'] === false) output.note('there are more; see --route');
        return 'ok';
      }),
    );
};
