import { hex } from '../bytes.ts';
import type { EdgeLaneEvent } from './edge-lane-model.ts';
import { edgeLimits } from './edge-limits.ts';
import type { Turn } from './edge-turn.ts';
import { verdictAlarm } from './verdict-alarm.ts';

type ProvisionalEvent = Extract<EdgeLaneEvent, { type: 'provisional' }>;

/**
 * A denial outside the lane's sequence: enforced until it ends, or a frame with the same body has
 * come. Its end is counted on the monotonic clock, so a step of the wall clock does not lift it.
 */
export function onProvisional(turn: Turn, event: ProvisionalEvent): void {
  const { path, provisional, sha256, verdict, wallMs } = event;
  if (verdict !== 'ok') {
    return turn.alarm(verdictAlarm(verdict), path, `${verdict}: a provisional denial`);
  }
  const { provisionals, lane } = turn.state;
  const { id, issuedAtMs, expiresAtMs } = provisional;
  if (lane !== 'revoke' || provisionals.has(id)) return;
  if (expiresAtMs <= wallMs) return turn.alarm('replay', path, 'a provisional denial that ended');
  if (provisionals.size >= edgeLimits.provisionalsMax) {
    return turn.alarm('overflow', path, `${provisionals.size} provisional denials`);
  }
  const lifeMs = Math.min(
    expiresAtMs - wallMs,
    expiresAtMs - issuedAtMs,
    edgeLimits.provisionalMsMax,
  );
  const held = { untilMs: turn.nowMs + lifeMs, sha256: hex(sha256) };
  turn.set({ provisionals: new Map(provisionals).set(id, held) });
  turn.emit({ type: 'enforce_provisional', provisional, path });
}
