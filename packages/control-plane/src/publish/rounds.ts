import type { Clock } from '@sallyport/shared/clock';
import type { CoalescingLog } from '@sallyport/shared/coalescing-log';
import type { Encoded } from './3-frames/encode.ts';
import type { ReplicaKeys } from './3-frames/keys.ts';
import type { StreamSet } from './4-stream/stream-set.ts';
import type { EdgeRegistry } from './edge-registry.ts';
import type { ReplicaLanes } from './lanes.ts';
import type { Saver } from './saver.ts';

export interface RoundParts {
  /** That of this second, as it goes to the bus too; null: there is no key to sign it with. */
  readonly heartbeat: () => Encoded | null;
  readonly streams: StreamSet;
  readonly saver: Saver;
  readonly lanes: ReplicaLanes;
  readonly registry: EdgeRegistry;
  readonly keys: ReplicaKeys;
  readonly nackLog: CoalescingLog;
  readonly clock: Clock;
}

const roundMs = 1_000;
const registryAgeRounds = 5;
const slowRounds = 10;
const keyAgeRounds = 60;

/** What a replica does because time goes by, once a second. Returns how to stop it. */
export function startRounds(parts: RoundParts): () => void {
  const { streams, saver, lanes, registry, keys, nackLog, clock } = parts;
  let rounds = 0;
  let telling: Promise<void> | null = null;
  const round = (): void => {
    const heartbeat = parts.heartbeat();
    telling ??= streams.tick(heartbeat, clock()).finally(() => {
      telling = null;
    });
    saver.now();
    for (const { snapshots, keeper: image } of lanes.all()) {
      snapshots.forgetOld();
      image.wake();
    }
    // Blocks of edges expire by time alone, and keys begin by it.
    if (rounds % registryAgeRounds === 0) void registry.refresh();
    if (rounds % keyAgeRounds === 0) void keys.refresh();
    if (rounds % slowRounds === 0) for (const { source } of lanes.all()) void source.refresh();
    nackLog.flush();
    rounds += 1;
  };
  const timer = setInterval(round, roundMs);
  return () => clearInterval(timer);
}
