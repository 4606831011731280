import type { Command } from 'commander';
import { action, argument, type CommandFile, type Session } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { orNotFound } from '../client/failures.ts';
import { checkThere } from '../client/missing.ts';
import { readPagesWithHead } from '../client/pages.ts';
import { type Json, readObject, readObjects, show } from '../client/reading.ts';
import { Failure } from '../exit.ts';
import { describeNeeds } from '../needs.ts';
import { printable } from '../output/printable.ts';
import { type Column, table } from '../output/table.ts';
import { group, methodName, type PageOptions, pathText, withPaging } from './options.ts';

const summary = 'who can reach what, for auditors';

/** `access`: questions about the live policy over the live directory. */
export const registerAccess: CommandFile = (program, session) => {
  const access = group(program, 'access', summary);
  whoCan(access, session);
  whatCan(access, session);
};

interface Request {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
}

function whoCan(access: Command, session: Session): void {
  const command = access
    .command('who-can')
    .summary('who can reach a route')
    .description(
      'Lists active users with what the live policy gives them on a route: always, with what else must hold, or never. What is taken for granted stands above.',
    )
    .argument('<route>', 'name of the route')
    .option('--method <method>', 'with this method', methodName)
    .option('--path <path>', 'this path', pathText)
    .option('--host <name>', 'on this host, where the route has several')
    .addHelpText(
      'after',
      '\nExample:\n  sallyport access who-can wiki --method POST --path /pages/7',
    );
  withPaging(command).action(
    action<PageOptions & Request>(session, async (call) => {
      const route = argument(call, 0);
      const { method, path, host } = call.options;
      const query = { route, method, path, host };
      const api = call.api();
      const { head, items, nextCursor } = await readPagesWithHead(
        api,
        apiPath('access', 'who-can'),
        query,
        call.options,
      ).catch(async (error: unknown) => {
        if (error instanceof Failure && error.exit === 'not_found') {
          await checkThere(api, 'Route', route);
        }
        throw error;
      });
      const rows = [...items, ...readObjects(head, 'services')];
      const needs = call.output.json ? '' : await describeNeeds(api, head['version'], rows);
      call.output.result({ ...head, items, nextCursor }, () =>
        [
          describeHead(head),
          ...(head['anonymous'] === true ? ['Anybody can, without signing in.\n'] : []),
          ...services(head),
          table([{ heading: 'USER', cell: userOf }, ...accessColumns], items),
          ...(needs === '' ? [] : [needs]),
        ].join('\n'),
      );
      if (nextCursor !== null) call.output.note(`more: --cursor ${nextCursor}`);
      return 'ok';
    }),
  );
}

function whatCan(access: Command, session: Session): void {
  const command = access
    .command('what-can')
    .summary('what a user can reach')
    .description(
      'Lists routes with what the live policy gives this user there: always, with what else must hold, or never. What is taken for granted stands above.',
    )
    .argument('<user>', 'e-mail address or id')
    .addHelpText('after', '\nExample:\n  sallyport access what-can alice@corp.example');
  withPaging(command).action(
    action<PageOptions>(session, async (call) => {
      const user = argument(call, 0);
      const api = call.api();
      const { head, items, nextCursor } = await orNotFound(
        readPagesWithHead(api, apiPath('access', 'what-can'), { user }, call.options),
        `there is no user ${user}`,
      );
      const needs = call.output.json ? '' : await describeNeeds(api, head['version'], items);
      call.output.result({ ...head, items, nextCursor }, () =>
        [
          describeHead(head),
          table(
            [
              { heading: 'ROUTE', cell: (row) => show(row, 'route') },
              { heading: 'HOSTS', cell: (row) => show(row, 'hosts') },
              ...accessColumns,
            ],
            items,
          ),
          ...(needs === '' ? [] : [needs]),
        ].join('\n'),
      );
      if (nextCursor !== null) call.output.note(`more: --cursor ${nextCursor}`);
      return 'ok';
    }),
  );
}

function describeHead(head: Json): string {
  const given = Array.isArray(head['assumptions']) ? (head['assumptions'] as unknown[]) : [];
  const monitor = show(head, 'monitorUntil');
  return [
    `By version ${show(head, 'version')}, taking for granted:`,
    ...given.map((text) => `  - ${String(text)}`),
    ...(monitor === ''
      ? []
      : [`Until ${monitor} the route is in monitor mode: whoever is signed in passes.`]),
    '',
  ]
    .map(printable)
    .join('\n');
}

function services(head: Json): string[] {
  const found = readObjects(head, 'services');
  if (found.length === 0) return [];
  return [
    table(
      [
        { heading: 'SERVICE', cell: (row) => show(row, 'service') },
        { heading: 'ACCESS', cell: (row) => show(row, 'access') },
        { heading: 'BY', cell: rulesOf('rules') },
      ],
      found,
    ),
  ];
}

const accessColumns: readonly Column<Json>[] = [
  { heading: 'ACCESS', cell: (row) => show(row, 'access') },
  { heading: 'BY', cell: rulesOf('rules') },
  { heading: 'UNLESS', cell: rulesOf('unless') },
  { heading: 'STEP-UP', cell: (row) => show(row, 'stepUp') },
  { heading: 'REASON', cell: (row) => (row['access'] === 'never' ? show(row, 'reasons') : '') },
];

/** Rules with what else must hold for each: `staff/allow/employees if device`. */
function rulesOf(field: string): (row: Json) => string {
  return (row) =>
    readObjects(row, field)
      .map((rule) => {
        const needs = show(rule, 'needs');
        return needs === '' ? show(rule, 'rule') : `${show(rule, 'rule')} if ${needs}`;
      })
      .join('; ');
}

function userOf(row: Json): string {
  const user = readObject(row['user'], 'the user');
  return show(user, 'email') || show(user, 'id');
}
