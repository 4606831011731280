import type { Detector } from '../detector.ts';
import { denialBurst, failedSignIns } from './counting.ts';
import { distantSessions } from './distant-sessions.ts';
import { impossibleTravel } from './impossible-travel.ts';
import { newCountry, newDevice } from './novelty.ts';
import { sessionOnOtherDevice } from './session-on-other-device.ts';

/** All detectors. A new one is a row here, a name in finding.ts and a member of Settings. */
export const detectors: readonly Detector[] = [
  impossibleTravel,
  failedSignIns,
  denialBurst,
  distantSessions,
  newDevice,
  newCountry,
  sessionOnOtherDevice,
];
