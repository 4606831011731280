import type { FindingView } from '../../store/findings.ts';
import { listFindingsAfter, newestFindingSeq } from '../../store/findings-in-order.ts';
import type { EvidencePlace } from '../../store/schema/index.ts';
import { isoOf } from '../iso.ts';
import type { ExportRow, RowSource } from './row.ts';

/** What detectors found, in the order in which it was raised. */
export const signals: RowSource = {
  what: 'signals',
  between: null,
  newest: newestFindingSeq,
  async after(db, afterId, upToId, limit) {
    return (await listFindingsAfter(db, afterId, upToId, limit)).map(signalRow);
  },
};

function signalRow(view: FindingView): ExportRow {
  const { finding, userEmail } = view;
  const { evidence } = finding;
  return {
    position: finding.seq,
    timeMs: finding.atMs,
    receivedAtMs: finding.atMs,
    kind: 'signal',
    severity: 'warning',
    fields: [
      ['signalId', finding.id],
      ['detector', finding.detector],
      ['reason', finding.reason],
      ['score', finding.score],
      ['subject', finding.subject],
      ['subjectId', finding.subjectId],
      ['userId', finding.userId],
      ['userEmail', userEmail],
      ['sessionId', finding.sid],
      ['deviceId', finding.deviceId],
      ['sourceAddress', evidence.here.sourceAddress],
      ['country', evidence.here.country],
      ['route', evidence.route],
      ['correlationId', correlationIdOf(view)],
      ['revocationId', finding.revocationId],
    ],
    traceparent: null,
    value: { kind: 'signal', position: finding.seq, ...signalValue(view) },
  };
}

/** A finding as the API shows it, but for what becomes of it later. */
export function signalValue(view: FindingView): Readonly<Record<string, unknown>> {
  const { finding, userEmail } = view;
  const { here, before, kind, route } = finding.evidence;
  const { id: _, sourceAddress, ...place } = here;
  return {
    time: isoOf(finding.atMs),
    id: finding.id,
    detector: finding.detector,
    reason: finding.reason,
    score: finding.score,
    halfLifeSeconds: finding.halfLifeMs / 1_000,
    subject: { kind: finding.subject, id: finding.subjectId },
    matter: finding.matter,
    userId: finding.userId,
    userEmail,
    sid: finding.sid,
    deviceId: finding.deviceId,
    revocationId: finding.revocationId,
    expiresAt: isoOf(finding.expiresAtMs),
    evidence: {
      event: kind,
      correlationId: correlationIdOf(view),
      sourceAddress,
      route,
      here: placeValue(place),
      before: before === null ? null : placeValue(before),
    },
  };
}

/** Of the request that brought it; null: it was a sign-in. */
function correlationIdOf({ finding: { evidence } }: FindingView): string | null {
  return evidence.kind === 'sighted' || evidence.kind === 'denied' ? evidence.here.id : null;
}

function placeValue({ atMs, ...place }: Omit<EvidencePlace, 'id' | 'sourceAddress'>) {
  return { at: isoOf(atMs), ...place };
}
