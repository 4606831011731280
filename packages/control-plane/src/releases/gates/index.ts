import { denialRateGate } from './denial-rate.ts';
import { edgeLossGate } from './edge-loss.ts';
import type { Gate } from './gate.ts';
import { nackGate } from './nack.ts';

/** One kind, one row. */
export const gates: readonly Gate[] = [nackGate, edgeLossGate, denialRateGate];
