import type { SignalSubject } from '../../state/model.ts';
import type { Observation } from '../detector.ts';
import type { DetectorName, Finding } from '../finding.ts';
import type { PlaceSeen } from '../history-model.ts';
import type { PlainSettings } from '../settings.ts';

const reasonMax = 160;

/** A finding of a detector with the weight that its settings give. */
export function raise(
  detector: DetectorName,
  settings: PlainSettings,
  { event }: Observation,
  found: {
    readonly reason: string;
    readonly matter: string;
    /** What is left of the settings' score where there is something to doubt. */
    readonly score?: number;
    readonly subject?: SignalSubject;
    readonly subjectId?: string;
    readonly from?: PlaceSeen;
  },
): Finding {
  return {
    detector,
    subject: found.subject ?? 'user',
    subjectId: found.subjectId ?? event.userId,
    score: found.score ?? settings.score,
    halfLifeMs: settings.halfLifeMs,
    reason: found.reason.slice(0, reasonMax),
    matter: found.matter,
    outcome: settings.outcome,
    sid: 'sid' in event ? event.sid : null,
    from: found.from ?? null,
  };
}
