import { fromBinary } from '@bufbuild/protobuf';
import { type SyncResponse, SyncResponseSchema } from '@sallyport/proto';
import { type Bus, busSubjects } from '@sallyport/shared/bus/bus';
import type { Lane } from '@sallyport/shared/state/model';
import { lanes } from '../lanes.ts';
import type { Inbox } from './inbox.ts';

/** Messages of one second that are looked at: verifying all of a flood would stop everything else. */
const perSecondMax = 2_000;
const secondMs = 1_000;

/** What each subject may bring: nothing of the other lanes goes by the bus. */
const subjects: readonly (readonly [string, readonly Lane[]])[] = [
  [busSubjects.revoke, ['revoke']],
  [busSubjects.config, ['config']],
  [busSubjects.heartbeat, lanes],
];

/** Takes what the bus brings, from now until the function that it returns is called. */
export function listenToBus(bus: Bus, inbox: Inbox): () => void {
  let second = 0;
  let taken = 0;
  const mayTake = (): boolean => {
    const now = Math.floor(performance.now() / secondMs);
    if (now !== second) taken = 0;
    second = now;
    taken += 1;
    return taken <= perSecondMax;
  };
  const leave = subjects.map(([subject, about]) =>
    bus.subscribe(subject, (payload) => {
      if (!mayTake()) return;
      const message = decode(payload);
      if (message === null) inbox.unreadable('nats');
      else inbox.take(message, 'nats', about);
    }),
  );
  return () => {
    for (const stop of leave) stop();
  };
}

function decode(payload: Uint8Array): SyncResponse | null {
  try {
    return fromBinary(SyncResponseSchema, payload);
  } catch {
    return null;
  }
}
