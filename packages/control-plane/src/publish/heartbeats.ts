import type { Clock } from '@sallyport/shared/clock';
import type { LaneHead } from '@sallyport/shared/sync/messages';
import type { Encoded } from './3-frames/encode.ts';
import type { ReplicaSigner } from './3-frames/sign.ts';
import type { ReplicaLanes } from './lanes.ts';

/** The heartbeat of this second, signed once for all; null: there is no key to sign it with. */
export function makeHeartbeat(
  replica: string,
  lanes: ReplicaLanes,
  signer: ReplicaSigner,
  clock: Clock,
): Encoded | null {
  const heads: LaneHead[] = [];
  for (const { lane, keeper } of lanes.all()) {
    const head = lanes.heads().get(lane);
    if (head === undefined) continue;
    const known = keeper.digest();
    heads.push({
      lane,
      head: { epoch: head.epoch, rev: head.rev },
      digest: known?.digest ?? null,
      digestAt: known?.position ?? null,
    });
  }
  const logAgeMs = Math.min(Math.ceil(lanes.ageMs()), Number.MAX_SAFE_INTEGER);
  return signer.heartbeat({ replica, sentAtMs: clock(), logAgeMs, heads });
}
