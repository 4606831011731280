import { denialRateGate } from './denial-rate.ts';
import type { Gate } from './gate.ts';
import { nackGate } from './nack.ts';

/** One kind, one row. */
export const gates: readonly Gate[] = [nackGate, denialRateGate];
