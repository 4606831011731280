import type { AccessRecord } from '@sallyport/shared/access-record';
import {
  type AccessRecordRow,
  countRecordsBetween,
  listRecordsAfter,
  newestRecordId,
} from '../../store/access-records.ts';
import type { Executor } from '../../store/database.ts';
import { isoOf } from '../iso.ts';
import type { ExportRow, RowSource, Severity } from './row.ts';

/** Beyond that nobody asks how many there are. */
const countMax = 100_000;
/** Of what is read at once; a record may be a MiB. */
const bytesMax = 8 * 1024 * 1024;

/** Records that an export has yet to take, between two ids. */
export async function recordsBetween(
  db: Executor,
  afterId: number,
  upToId: number,
): Promise<number> {
  return upToId <= afterId ? 0 : countRecordsBetween(db, afterId, upToId, countMax);
}

/** Access records, in the order in which they came to the control plane. */
export const decisions: RowSource = {
  what: 'decisions',
  between: recordsBetween,
  newest: newestRecordId,
  async after(db, afterId, upToId, limit) {
    const rows = await listRecordsAfter(db, {}, afterId, limit, { bytesMax });
    return rows.filter(({ id }) => id <= upToId).map(decisionRow);
  },
};

const severities: Readonly<Partial<Record<AccessRecord['outcome'], Severity>>> = {
  permit: 'info',
  own: 'info',
  sign_in: 'notice',
  step_up: 'notice',
};

function decisionRow(row: AccessRecordRow): ExportRow {
  const { id, receivedAtMs } = row;
  // What an edge wrote is only as good as its version: any member may be missing or another type.
  const record: Readonly<Partial<Record<keyof AccessRecord, unknown>>> = row.record;
  return {
    position: id,
    timeMs: timeOf(record.time) ?? receivedAtMs,
    receivedAtMs,
    kind: 'access',
    severity: severities[record.outcome as AccessRecord['outcome']] ?? 'warning',
    fields: [
      ['correlationId', row.correlationId],
      ['edge', row.edgeId],
      ['outcome', scalar(record.outcome)],
      ['reason', Array.isArray(record.reasons) ? scalar(record.reasons[0]) : null],
      ['route', scalar(record.route)],
      ['method', scalar(record.method)],
      ['host', scalar(record.host)],
      ['path', scalar(record.path)],
      ['status', scalar(record.status)],
      ['sourceAddress', scalar(record.sourceAddress)],
      ['userId', scalar(record.userId)],
      ['userEmail', scalar(record.userEmail)],
      ['sessionId', scalar(record.sid)],
      ['deviceId', scalar(record.deviceId)],
      ['certificateSha256', scalar(record.certificateSha256)],
      ['userAgent', scalar(record.userAgent)],
      ['configVersion', scalar(record.configVersion)],
    ],
    traceparent: typeof record.traceparent === 'string' ? record.traceparent : null,
    value: { ...row.record, kind: 'access', position: id, receivedAt: isoOf(receivedAtMs) },
  };
}

function timeOf(text: unknown): number | null {
  const timeMs = typeof text === 'string' ? Date.parse(text) : Number.NaN;
  return Number.isNaN(timeMs) ? null : timeMs;
}

function scalar(value: unknown): string | number | null {
  return typeof value === 'string' || typeof value === 'number' ? value : null;
}
