import { Option } from 'commander';
import { action, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { type Json, readObject, readObjects, show, showTime } from '../client/reading.ts';
import { type DecisionFilters, filterQuery, withFilters, withSpan } from '../decision-filters.ts';
import { type Column, table } from '../output/table.ts';
import { count, noun } from './options.ts';

const groupings = [
  ...['outcome', 'reason', 'rule', 'route', 'host'],
  ...['user', 'device', 'edge', 'address', 'hour', 'day'],
];
const rowsMax = 200;

interface SummaryOptions extends DecisionFilters {
  readonly by: string;
  readonly limit: number;
}

/** `decisions summary`: how many decisions have something in common. */
export const registerDecisionSummary: CommandFile = (program, session) => {
  const command = noun(program, 'decisions', 'what edges decided about requests')
    .command('summary')
    .summary('count decisions by reason, rule, route, user, hour and more')
    .description(
      'Counts decisions by what they have in common, most of them first; those of the last day unless --from says otherwise. It counts from the newest on, and says so where it could not count all of them in its time.',
    )
    .addOption(new Option('--by <what>', 'what to count by').choices(groupings).default('reason'))
    .option('--limit <n>', 'rows to show at the most', count(rowsMax), 20)
    .addHelpText(
      'after',
      `
Examples:
  sallyport decisions summary --by user --outcome deny      who is denied most
  sallyport decisions summary --by hour --route wiki --from 2d`,
    );
  withSpan(withFilters(command)).action(
    action<SummaryOptions>(session, async ({ api, options, output }) => {
      const query = { by: options.by, limit: options.limit, ...filterQuery(options) };
      const body = await api().get(apiPath('decisions', 'summary'), query);
      const summary = readObject(body, 'the summary');
      output.result(summary, () => table(columnsOf(options.by), readObjects(summary, 'items')));
      for (const remark of remarksOf(summary)) output.note(remark);
      return 'ok';
    }),
  );
};

function columnsOf(by: string): readonly Column<Json>[] {
  const isTime = by === 'hour' || by === 'day';
  const key = (row: Json): string =>
    isTime ? showTime(row, 'key') : show(row, 'label') || show(row, 'key');
  return [
    { heading: by.toUpperCase(), cell: key },
    { heading: 'DECISIONS', cell: (row) => show(row, 'count') },
    { heading: 'DENIED', cell: (row) => show(row, 'denied') },
    { heading: 'LAST', cell: (row) => showTime(row, 'lastAt') },
  ];
}

function remarksOf(summary: Json): string[] {
  const until = summary['to'] === null ? 'now' : showTime(summary, 'to');
  const remarks = [`from ${showTime(summary, 'from')} to ${until}`];
  if (summary['more'] !== 0) remarks.push(`and ${show(summary, 'more')} more; see --limit`);
  if (summary['complete'] === false) {
    remarks.push(
      `there was no time to count all: only what came in since ${showTime(summary, 'countedFrom')} is counted; see --from and the filters`,
    );
  }
  return remarks;
}
