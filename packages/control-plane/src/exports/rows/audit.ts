import { type AuditRow, listAuditAfter, newestAuditId } from '../../store/audit.ts';
import { followSettled } from '../../store/settled.ts';
import { isoOf } from '../iso.ts';
import type { ExportRow, RowSource } from './row.ts';

/** Writes of the admin API, of edges and of jobs. One for each leader: it remembers who writes. */
export function auditRows(): RowSource {
  const settled = followSettled('admin_audit', 'admin_audit_id_seq');
  return {
    what: 'audit',
    between: null,
    newest: async (db) => newestAuditId(db, await settled.look(db)),
    async after(db, afterId, upToId, limit) {
      return (await listAuditAfter(db, afterId, upToId, limit)).map(auditRow);
    },
  };
}

function auditRow(row: AuditRow): ExportRow {
  const { id, atMs, verb, resource, resourceId, detail, requestId, sourceAddress } = row;
  const actor = { kind: row.actorKind, id: row.actorId, label: row.actorLabel };
  return {
    position: id,
    timeMs: atMs,
    receivedAtMs: atMs,
    kind: 'audit',
    severity: 'notice',
    fields: [
      ['actorKind', actor.kind],
      ['actorId', actor.id],
      ['actorLabel', actor.label],
      ['verb', verb],
      ['resource', resource],
      ['resourceId', resourceId],
      ['requestId', requestId],
      ['sourceAddress', sourceAddress],
    ],
    traceparent: null,
    value: {
      kind: 'audit',
      position: id,
      time: isoOf(atMs),
      actor,
      verb,
      resource,
      resourceId,
      detail,
      requestId,
      sourceAddress,
    },
  };
}
