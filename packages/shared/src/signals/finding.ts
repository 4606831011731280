import type { SignalSubject } from '../state/model.ts';
import type { PlaceSeen } from './history-model.ts';

/** Names of the detectors: of the signal, in policy (`risk.signals`) and in Settings. */
export const detectorNames = [
  'impossible-travel',
  'failed-sign-ins',
  'denial-burst',
  'distant-sessions',
  'new-device',
  'new-country',
  'session-on-other-device',
] as const;
export type DetectorName = (typeof detectorNames)[number];

/** What a detector noticed. */
export interface Finding {
  readonly detector: DetectorName;
  readonly subject: SignalSubject;
  readonly subjectId: string;
  /** 1 to 100: what it adds to the risk when it is new. */
  readonly score: number;
  /** After so long it weighs half. */
  readonly halfLifeMs: number;
  /** In a few words, for people: what was seen, 160 characters at the most. */
  readonly reason: string;
  /**
   * What it is about, apart from when: a finding of the same detector, subject and matter that was
   * dismissed is not raised again.
   */
  readonly matter: string;
  /** `revoke`: the session is ended as well. */
  readonly outcome: 'signal' | 'revoke';
  /** The session that it came with; null: none. */
  readonly sid: string | null;
  /** The other end of a journey; null: it is none. */
  readonly from: PlaceSeen | null;
}
