import { type Static, Type } from 'typebox';
import type { ExportSettings, WebhookSettings } from '../../exports/targets.ts';
import type { CursorRow } from '../../store/export-cursors.ts';
import { type DeliveryState, deliveryStates } from '../../store/schema/index.ts';
import type { DeliveryRow } from '../../store/webhook-deliveries.ts';
import { pageQuery } from '../http/paging.ts';
import {
  closed,
  documentName,
  idOf,
  instant,
  isoOf,
  isoOrNull,
  nullable,
} from '../http/schemas.ts';

const state = Type.Unsafe<DeliveryState>(Type.Enum([...deliveryStates]));

const Progress = Type.Object({
  what: Type.String(),
  position: Type.Integer({ description: 'The last row that was sent.' }),
  newest: Type.Integer({ description: 'The newest row that was there a while ago.' }),
  behind: Type.Integer({
    description: 'Rows that it had yet to take then; of access records 100,000 at the most.',
  }),
  missed: Type.Integer({
    description:
      'Rows that were removed before they were sent; of access records, how often some were.',
  }),
  failingSince: nullable(instant),
  failure: nullable(Type.String({ description: 'Why the last attempt failed.' })),
});

export const Export = Type.Object({
  name: Type.String(),
  kind: Type.Union([Type.Literal('file'), Type.Literal('syslog'), Type.Literal('otlp')]),
  to: Type.String(),
  progress: Type.Array(Progress),
});

export const Webhook = Type.Object({
  name: Type.String(),
  host: Type.String({ description: 'Of its URL, which may hold more than is shown to everyone.' }),
  events: Type.Array(Type.String()),
  pending: Type.Integer(),
  delivered: Type.Integer(),
  dead: Type.Integer(),
});

/** Without the body. */
export const Delivery = Type.Object({
  id: idOf('whd'),
  webhook: Type.String(),
  type: Type.String(),
  state,
  attempts: Type.Integer(),
  createdAt: instant,
  nextAttemptAt: nullable(instant),
  settledAt: nullable(instant),
  lastStatus: nullable(Type.Integer()),
  lastFailure: nullable(Type.String()),
});

export const deliveryQuery = Type.Object(
  { ...pageQuery, webhook: Type.Optional(documentName), state: Type.Optional(state) },
  closed,
);

export const deliveryParams = Type.Object({ id: idOf('whd') });

export function presentExport(
  entry: ExportSettings,
  cursors: readonly (CursorRow & { readonly behind: number })[],
): Static<typeof Export> {
  const { name } = entry;
  return {
    name,
    ...wayOf(entry),
    progress: cursors
      .filter(({ sink }) => sink === name)
      .map((row) => ({
        what: row.what,
        position: row.position,
        newest: row.known,
        behind: row.behind,
        missed: row.missed,
        failingSince: isoOrNull(row.failingSinceMs),
        failure: row.failure,
      })),
  };
}

function wayOf({ file, syslog, otlp }: ExportSettings): Pick<Static<typeof Export>, 'kind' | 'to'> {
  if (file !== undefined) return { kind: 'file', to: file.path };
  if (syslog !== undefined) return { kind: 'syslog', to: syslog.host };
  return { kind: 'otlp', to: hostOf(otlp?.url ?? '') };
}

export function presentWebhook(
  { name, url, events }: WebhookSettings,
  counts: readonly { readonly webhook: string; readonly state: string; readonly count: number }[],
): Static<typeof Webhook> {
  const countOf = (wanted: string): number =>
    counts.find(({ webhook, state }) => webhook === name && state === wanted)?.count ?? 0;
  return {
    name,
    host: hostOf(url),
    events: [...events],
    pending: countOf('pending'),
    delivered: countOf('delivered'),
    dead: countOf('dead'),
  };
}

function hostOf(url: string): string {
  return URL.parse(url)?.host ?? '';
}

export function presentDelivery(row: DeliveryRow): Static<typeof Delivery> {
  const { id, webhook, type, state, attempts, lastStatus, lastFailure } = row;
  return {
    id,
    webhook,
    type,
    state,
    attempts,
    createdAt: isoOf(row.createdAtMs),
    nextAttemptAt: state === 'pending' ? isoOf(row.nextAtMs) : null,
    settledAt: isoOrNull(row.settledAtMs),
    lastStatus,
    lastFailure,
  };
}
