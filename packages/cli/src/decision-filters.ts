import type { DecisionFilter } from '@sallyport/shared/decision-filter';
import { type Command, Option } from 'commander';
import type { Query } from './client/api.ts';
import { type Json, show, showTime } from './client/reading.ts';
import { pastInstant } from './commands/options.ts';
import type { Column } from './output/table.ts';

/** Which decisions to show. */
export interface DecisionFilters extends DecisionFilter {
  readonly from?: string;
  readonly to?: string;
}

const outcomes = ['permit', 'deny', 'sign_in', 'step_up', 'refused', 'own'];

/** Adds the filters to a command. */
export function withFilters(command: Command): Command {
  return command
    .option('--user <id|address>', 'of this user')
    .option('--device <id>', 'from this device')
    .option('--route <name>', 'on this route')
    .option('--host <name>', 'to this host')
    .addOption(new Option('--outcome <outcome>', 'with this outcome').choices(outcomes))
    .option('--reason <code>', 'with this reason, deciding or not')
    .option('--rule <id>', 'in which this rule had a part, like staff/deny/guests')
    .option('--address <address|network>', 'from this address, or network like 203.0.113.0/24')
    .option('--edge <id>', 'at this edge')
    .option('--correlation-id <id>', 'of this request');
}

/** Adds when it was, for commands that look back. */
export function withSpan(command: Command): Command {
  return command
    .option('--from <time>', 'not before: 24h, 7d or RFC 3339', pastInstant)
    .option('--to <time>', 'not after: 24h, 7d or RFC 3339', pastInstant);
}

/** The filters as query parameters. */
export function filterQuery(filters: DecisionFilters): Query {
  const { user, device, route, host, outcome, reason, rule, address, edge } = filters;
  const { correlationId, from, to } = filters;
  return {
    ...{ user, device, route, host, outcome, reason, rule, address, edge },
    ...{ correlationId, from, to },
  };
}

/** What a person wants to see of a decision in one line. */
export const decisionColumns: readonly Column<Json>[] = [
  { heading: 'TIME', cell: (row) => showTime(row, 'time') },
  { heading: 'OUTCOME', cell: (row) => show(row, 'outcome') },
  { heading: 'REASON', cell: firstReason },
  { heading: 'USER', cell: (row) => show(row, 'userEmail') || show(row, 'userId') },
  { heading: 'FROM', cell: (row) => show(row, 'sourceAddress') },
  { heading: 'DEVICE', cell: (row) => show(row, 'deviceId') },
  {
    heading: 'REQUEST',
    cell: (row) => `${show(row, 'method')} ${show(row, 'host')}${show(row, 'path')}`,
  },
  { heading: 'STATUS', cell: statusAndEnding },
  { heading: 'CORRELATION ID', cell: (row) => show(row, 'correlationId') },
];

/** The deciding reason; where monitor mode let it through, also why it would be denied. */
function firstReason(row: Json): string {
  const first = firstOf(row['reasons']);
  const { wouldDeny } = row;
  if (typeof wouldDeny !== 'object' || wouldDeny === null) return first;
  return `${first}: ${firstOf((wouldDeny as Json)['reasons'])}`;
}

function firstOf(reasons: unknown): string {
  const first: unknown = Array.isArray(reasons) ? reasons[0] : undefined;
  return typeof first === 'string' ? first : '';
}

/** How it ended stands beside the status where it did not just end. */
function statusAndEnding(row: Json): string {
  const ending = show(row, 'ending');
  return ending === '' || ending === 'complete'
    ? show(row, 'status')
    : `${show(row, 'status')} ${ending}`;
}
