import { fromBinary } from '@bufbuild/protobuf';
import { type SyncResponse, SyncResponseSchema } from '@sallyport/proto';
import { type Bus, busSubjects } from '@sallyport/shared/bus/bus';
import type { Lane } from '@sallyport/shared/state/model';
import { TokenBucket } from '@sallyport/shared/token-bucket';
import { lanes } from '../lanes.ts';
import { monotonicMs } from '../monotonic.ts';
import type { Inbox } from './inbox.ts';

interface Subject {
  readonly name: string;
  /** What it may bring: nothing of other lanes, and no keys, goes by the bus. */
  readonly lanes: readonly Lane[];
  readonly kinds: readonly SyncResponse['message']['case'][];
  /** Larger payloads are not read. */
  readonly bytesMax: number;
  /** What is looked at in a second; its own, so that a flood takes nothing from other subjects. */
  readonly messages: number;
  /** What that may cost in a second, milliseconds. */
  readonly workMs: number;
}

/** Beside the body: header, signature, key id. */
const frameBytes = 4_096;
/** Heartbeats that are looked at for their time alone, in a second. */
const looksMax = 1_000;

const subjects: readonly Subject[] = [
  {
    name: busSubjects.revoke,
    lanes: ['revoke'],
    kinds: ['frame', 'provisional'],
    bytesMax: 1_048_576 + frameBytes,
    messages: 2_000,
    workMs: 200,
  },
  {
    name: busSubjects.config,
    lanes: ['config'],
    kinds: ['frame'],
    bytesMax: 4_194_304,
    messages: 200,
    workMs: 50,
  },
  {
    name: busSubjects.heartbeat,
    lanes,
    kinds: ['heartbeat'],
    bytesMax: 16_384,
    messages: 200,
    workMs: 50,
  },
];

/**
 * Takes what the bus brings, from now until the function that it returns is called. `nowMs`: of the
 * monotonic clock.
 */
export function listenToBus(
  bus: Bus,
  inbox: Pick<Inbox, 'take' | 'alarm' | 'isStale'>,
  nowMs: () => number = monotonicMs,
): () => void {
  const leave = subjects.map((subject) => {
    const isStale = staleLook(inbox, subject, nowMs);
    const spend = budgetOf(subject, nowMs);
    return bus.subscribe(subject.name, (payload) => {
      if (isStale(payload) || spend(() => takePayload(inbox, subject, payload))) return;
      inbox.alarm('flooded', 'nats', `more than is looked at on ${subject.name}`);
    });
  });
  return () => {
    for (const stop of leave) stop();
  };
}

/**
 * Looks whether a payload is a heartbeat that is not worth a verification. A process that stood still
 * finds many of them: they cost nobody's budget, and have one of their own.
 */
function staleLook(
  inbox: Pick<Inbox, 'isStale'>,
  { kinds, bytesMax }: Subject,
  nowMs: () => number,
): (payload: Uint8Array) => boolean {
  if (!kinds.includes('heartbeat')) return () => false;
  const looks = new TokenBucket({ perSecond: looksMax, burst: looksMax }, nowMs);
  return (payload) => {
    if (payload.length > bytesMax || !looks.take(1)) return false;
    const response = decode(payload);
    return response !== null && inbox.isStale(response);
  };
}

/** Does the work and takes from the budget what it took; false: not now, nothing is left. */
function budgetOf(subject: Subject, nowMs: () => number): (work: () => void) => boolean {
  const ofOneSecond = (perSecond: number) =>
    new TokenBucket({ perSecond, burst: perSecond }, nowMs);
  const messages = ofOneSecond(subject.messages);
  const time = ofOneSecond(subject.workMs);
  return (work) => {
    if (!time.hasAny() || !messages.take(1)) return false;
    const beganAtMs = nowMs();
    try {
      work();
    } finally {
      time.charge(nowMs() - beganAtMs);
    }
    return true;
  };
}

function takePayload(
  inbox: Pick<Inbox, 'take' | 'alarm'>,
  { name, lanes: about, kinds, bytesMax }: Subject,
  payload: Uint8Array,
): void {
  const unexpected = (detail: string) => inbox.alarm('unexpected', 'nats', `${detail} on ${name}`);
  if (payload.length > bytesMax) return unexpected(`a message of ${payload.length} bytes`);
  const response = decode(payload);
  if (response === null) return unexpected('a message that cannot be read');
  const kind = response.message.case;
  // One of a newer protocol.
  if (kind === undefined) return;
  if (kinds.includes(kind)) inbox.take(response, 'nats', about);
  else unexpected(`a message ${kind}`);
}

function decode(payload: Uint8Array): SyncResponse | null {
  try {
    return fromBinary(SyncResponseSchema, payload);
  } catch {
    return null;
  }
}
