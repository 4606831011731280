import { action, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { type Json, readObject, readObjects, show, showTime } from '../client/reading.ts';
import { type Column, table } from '../output/table.ts';
import { group, pastInstant } from './options.ts';

const columns: readonly Column<Json>[] = [
  { heading: 'ROUTE', cell: (row) => show(row, 'route') },
  { heading: 'WHAT', cell: (row) => show(row, 'what') },
  { heading: 'LIMIT', cell: (row) => show(row, 'limitBytes') },
  { heading: 'LARGEST', cell: (row) => show(row, 'mostBytes') },
  { heading: 'NEAR', cell: (row) => show(row, 'near') },
  { heading: 'OVER', cell: (row) => show(row, 'over') },
  { heading: 'LAST', cell: (row) => showTime(row, 'lastSeen') },
];

/** `headers report`: routes whose requests come near their limits for headers and cookies. */
export const registerHeaders: CommandFile = (program, session) => {
  group(program, 'headers', 'how large the headers of requests are')
    .command('report')
    .summary('show the routes whose requests come near the limits of headers and cookies')
    .description(
      'Shows by route how many permitted requests had headers or cookies above 80 % of the limit (near) or above it (over: refused, or let pass with headerLimits.audit), and the largest of them. A route that is not listed has had none.',
    )
    .option('--route <name>', 'of this route')
    .option('--since <time>', '24h, 7d or RFC 3339 (30d); whole days', pastInstant)
    .addHelpText('after', '\nExample:\n  sallyport headers report --since 7d')
    .action(
      action<{ route?: string; since?: string }>(session, async ({ api, options, output }) => {
        const { route, since } = options;
        const body = await api().get(apiPath('large-headers'), { route, since });
        const report = readObject(body, 'the report');
        output.result(report, () => table(columns, readObjects(report, 'items')));
        output.note(`since ${showTime(report, 'since')}`);
        if (report['complete'] === false) output.note('there are more; see --route');
        return 'ok';
      }),
    );
};
