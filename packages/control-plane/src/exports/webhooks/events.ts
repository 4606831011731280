import type { AuditRow } from '../../store/audit.ts';
import type { FindingView } from '../../store/findings.ts';
import { isoOf } from '../iso.ts';
import { fittedJson, lineJson } from '../json.ts';
import { signalValue } from '../rows/signals.ts';
import type { WebhookSettings } from '../targets.ts';

export type EventKind = WebhookSettings['events'][number];

/** What somebody is told of. */
export interface WebhookEvent {
  readonly kind: EventKind;
  /** Dotted, what happened to what. */
  readonly type: string;
  /** JSON as it is sent. */
  readonly body: string;
}

const bodyBytesMax = 20_480;

/** Writes that are events, by resource and verb. */
const auditEvents: Readonly<
  Record<string, readonly [EventKind, Readonly<Record<string, string>>]>
> = {
  revocation: ['revocation', { create: 'created', lift: 'lifted', adopt: 'adopted' }],
  configuration: [
    'configuration',
    { apply: 'applied', roll_back: 'rolled_back', approve: 'approved', reject: 'rejected' },
  ],
  rollout: [
    'configuration',
    {
      start: 'started',
      bake: 'baking',
      promote: 'promoted',
      pause: 'paused',
      resume: 'resumed',
      abort: 'aborted',
      roll_back: 'rolled_back',
    },
  ],
  token: ['token', { create: 'created', revoke: 'revoked' }],
  'join-token': ['token', { create: 'created' }],
};

/** The event that a write is; null: none. */
export function eventOfAudit(row: AuditRow): WebhookEvent | null {
  const [kind, verbs] = auditEvents[row.resource] ?? [];
  const happened = verbs?.[row.verb];
  if (kind === undefined || happened === undefined) return null;
  const type = `${row.resource.replaceAll('-', '_')}.${happened}`;
  const { resource, resourceId, verb, detail, requestId } = row;
  const actor = { kind: row.actorKind, id: row.actorId, label: row.actorLabel };
  const data = { position: row.id, resource, resourceId, verb, actor, requestId, detail };
  return { kind, type, body: bodyOf(type, row.atMs, data) };
}

/** The event that a finding is when it is raised. What people do about it is a write. */
export function eventOfFinding(view: FindingView): WebhookEvent {
  const { seq, atMs } = view.finding;
  const type = 'signal.raised';
  const data = { position: seq, ...signalValue(view) };
  return { kind: 'signal', type, body: bodyOf(type, atMs, data) };
}

/** `type`, `timestamp` and `data`, as Standard Webhooks has them; bounded. */
function bodyOf(type: string, atMs: number, data: Readonly<Record<string, unknown>>): string {
  const around = { type, timestamp: isoOf(atMs) };
  return fittedJson(data, bodyBytesMax - 256, (cut) => lineJson({ ...around, data: cut }));
}
