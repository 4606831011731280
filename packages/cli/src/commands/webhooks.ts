import { type Command, Option } from 'commander';
import { action, argument, type CommandFile, type Session } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { orNotFound } from '../client/failures.ts';
import { readPages } from '../client/pages.ts';
import { type Json, readObject, readObjects, show, showTime } from '../client/reading.ts';
import { Failure } from '../exit.ts';
import { writeRows } from '../output/rows.ts';
import { type Column, table } from '../output/table.ts';
import { noun, type PageOptions, withPaging } from './options.ts';

/** `webhooks`: who is told of events, what was delivered, and what is to be sent again. */
export const registerWebhooks: CommandFile = (program, session) => {
  const webhooks = noun(program, 'webhooks', 'who is told of events, in signed requests');
  list(webhooks, session);
  deliveries(webhooks, session);
  redeliver(webhooks, session);
};

function list(webhooks: Command, session: Session): void {
  webhooks
    .command('list', { isDefault: true })
    .summary('list webhooks')
    .description('Lists the webhooks of the live settings, with their deliveries by state.')
    .action(
      action(session, async ({ api, output }) => {
        const found = readObject(await api().get(apiPath('webhooks')), 'the webhooks');
        output.result(found, () => table(webhookColumns, readObjects(found, 'items')));
        return 'ok';
      }),
    );
}

type Filters = PageOptions & { readonly webhook?: string; readonly state?: string };

function deliveries(webhooks: Command, session: Session): void {
  const command = webhooks
    .command('deliveries')
    .summary('list deliveries, newest first')
    .description('Lists what webhooks were or are to be sent, newest first.')
    .option('--webhook <name>', 'of this webhook')
    .addOption(
      new Option('--state <state>', 'in this state').choices(['pending', 'delivered', 'dead']),
    )
    .addHelpText('after', '\nExample:\n  sallyport webhooks deliveries --state dead');
  withPaging(command).action(
    action<Filters>(session, async ({ api, options, output }) => {
      const { webhook, state } = options;
      const path = apiPath('webhooks', 'deliveries');
      const page = await readPages(api(), path, { webhook, state }, options);
      writeRows(output, deliveryColumns, page);
      return 'ok';
    }),
  );
}

function redeliver(webhooks: Command, session: Session): void {
  webhooks
    .command('redeliver')
    .summary('send a delivery again')
    .description(
      'Sends a delivery again, whatever became of it, under the same id. The receiver must know the id of what it has already taken.',
    )
    .argument('<id>', 'id of a delivery, as `sallyport webhooks deliveries` shows it')
    .action(
      action(session, async (call) => {
        const id = argument(call, 0);
        const missing = `there is no delivery ${id}; see "sallyport webhooks deliveries"`;
        // The API would not know it either.
        if (!/^whd_[0-9a-z]{26}$/.test(id)) throw new Failure('not_found', missing);
        const path = apiPath('webhooks', 'deliveries', id, 'redeliver');
        const { body } = await orNotFound(call.api().send('POST', path, {}), missing);
        const delivery = readObject(body, 'the delivery');
        call.output.result(delivery, () => `${id} is sent to ${show(delivery, 'webhook')} again`);
        return 'ok';
      }),
    );
}

const text = (heading: string, field: string): Column<Json> => ({
  heading,
  cell: (row) => show(row, field),
});

const webhookColumns: readonly Column<Json>[] = [
  text('NAME', 'name'),
  text('HOST', 'host'),
  text('EVENTS', 'events'),
  text('PENDING', 'pending'),
  text('DELIVERED', 'delivered'),
  text('DEAD', 'dead'),
];

const deliveryColumns: readonly Column<Json>[] = [
  text('ID', 'id'),
  text('WEBHOOK', 'webhook'),
  text('TYPE', 'type'),
  text('STATE', 'state'),
  text('ATTEMPTS', 'attempts'),
  { heading: 'CREATED', cell: (row) => showTime(row, 'createdAt') },
  text('STATUS', 'lastStatus'),
  text('FAILURE', 'lastFailure'),
];
