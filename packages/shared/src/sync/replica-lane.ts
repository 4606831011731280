import { hex } from '../bytes.ts';
import type { Lane, Position } from '../state/model.ts';
import type { FrameProof } from './messages.ts';
import { comparePositions, samePosition } from './position.ts';
import type {
  LaneSource,
  ReplicaLane,
  ReplicaLaneEvent,
  ReplicaLaneStep,
  ReplicaPhase,
  ShownFrame,
} from './replica-lane-model.ts';

/**
 * One lane of one stream at a replica, as a pure machine: what goes out next, and what must be read
 * for it. TAIL, SHARDS, WAIT and REDIRECT are decided in `planResume` and nowhere else.
 */

const retryMs = 1_000;
/** So long an edge that is ahead waits for this replica; then it is sent to another. */
const waitMs = 5_000;
/** A parked edge is offered something else so often at the most. */
const unparkMs = 1_000;
/** Further behind, the whole state is less than the way to it. */
const logRevisionsMax = 10_000;
const refusedMax = 16;

/** The machine when a stream opens. */
export function createReplicaLane(lane: Lane): ReplicaLane {
  const phase: ReplicaPhase = { kind: 'silent' };
  return {
    lane,
    have: null,
    proof: null,
    unproven: [],
    forked: false,
    unread: false,
    phase,
    resume: null,
    refused: [],
  };
}

/** The next state, and what the shell is to do. */
export function stepReplicaLane(state: ReplicaLane, event: ReplicaLaneEvent): ReplicaLaneStep {
  switch (event.type) {
    case 'hello':
      return onHello(state, event);
    case 'room':
      return onRoom(state, event);
    case 'manifest':
      return onManifest(state, event);
    case 'log':
      return onLog(state, event);
    case 'history':
      return onHistory(state, event);
    case 'fetch':
      return onFetch(state, event);
    case 'nack':
      return onNack(state, event);
    case 'oversize':
    case 'shards_gone':
      return build(state);
    case 'failed':
      return stay({ ...state, phase: undecided(event.nowMs + retryMs * (1 + event.jitter)) });
  }
}

/**
 * How a lane goes on for an edge that has `have`, at a replica that has read up to `source.head`.
 * `check`: the edge's proof speaks of more than this replica has; the database must be asked.
 */
export function planResume(
  have: Position | null,
  proof: FrameProof | null,
  source: LaneSource,
): 'tail' | 'shards' | 'wait' | 'check' | 'undecided' {
  const { head } = source;
  if (head === null) return 'undecided';
  if (proof !== null && comparePositions(proof, head) > 0) return 'check';
  if (have !== null && comparePositions(have, head) > 0) return 'wait';
  if (have === null || have.epoch < head.epoch) return 'shards';
  return canTail(have.rev, head.rev, source) ? 'tail' : 'shards';
}

type EventOf<Type extends ReplicaLaneEvent['type']> = Extract<ReplicaLaneEvent, { type: Type }>;

function onHello(state: ReplicaLane, event: EventOf<'hello'>): ReplicaLaneStep {
  const { have, shown } = event;
  const known = { ...state, have, resume: null };
  const forks = shown.filter(isFork);
  const unread = shown.filter(({ ownSha256 }) => ownSha256 === null);
  // What shows lost history for certain comes first.
  const [first = shown[0], ...unproven] = [...forks, ...unread];
  return compare(known, first ?? null, unproven, event);
}

function compare(
  state: ReplicaLane,
  one: ShownFrame | null,
  unproven: readonly ShownFrame[],
  event: ReplicaLaneEvent,
): ReplicaLaneStep {
  const proof = one?.proof ?? null;
  const forked = one !== null && isFork(one);
  const unread = one !== null && one.ownSha256 === null;
  return decide({ ...state, proof, forked, unread, unproven }, event);
}

function isFork({ proof, ownSha256 }: ShownFrame): boolean {
  return ownSha256 !== null && ownSha256 !== hex(proof.bodySha256);
}

/** The edge would go on from its head, and only the log can say whether that is of its history. */
function asksLog({ have, proof, unread }: ReplicaLane, { head, logAfter }: LaneSource): boolean {
  if (!unread || have === null || proof === null || head === null || logAfter === null) {
    return false;
  }
  return proof.epoch === head.epoch && proof.rev <= head.rev && proof.rev > logAfter;
}

function decide(state: ReplicaLane, { nowMs, source }: ReplicaLaneEvent): ReplicaLaneStep {
  const { have, proof, phase, forked } = state;
  const mustAsk = forked || asksLog(state, source);
  const mode = mustAsk ? 'check' : planResume(have, proof, source);
  switch (mode) {
    case 'undecided':
      return stay({ ...state, phase: undecided(nowMs) });
    case 'check':
      // Asked once: a replica that has only not caught up yet finds the database ahead of it.
      if (phase.kind === 'waiting' || proof === null) return stay(state);
      return check(state, proof);
    case 'wait':
      return wait(state, nowMs, null);
    case 'tail':
      return stay({ ...state, phase: { kind: 'tail' }, resume: 'tail' });
    case 'shards':
      return build(state);
  }
}

/** What is decided now goes out now. */
function onRoom(state: ReplicaLane, event: EventOf<'room'>): ReplicaLaneStep {
  const step = goOn(state, event);
  const decided = step.effects.length === 0 && step.state.resume !== null;
  return decided ? goOn(step.state, event) : step;
}

function goOn(state: ReplicaLane, event: EventOf<'room'>): ReplicaLaneStep {
  const { resume, phase } = state;
  const { head, forkedAt } = event.source;
  if (resume !== null) {
    return {
      state: { ...state, resume: null },
      effects: [{ type: 'send_resume', mode: resume, head, forkedAt }],
    };
  }
  switch (phase.kind) {
    case 'undecided':
      return event.nowMs < phase.notBeforeMs ? stay(state) : decide(state, event);
    case 'waiting':
      return onWaiting(state, phase, event);
    case 'offering':
      if (phase.sent) return stay(state);
      return {
        state: { ...state, phase: { ...phase, sent: true } },
        effects: [{ type: 'send_manifest', position: phase.position }],
      };
    case 'sending':
      return nextShard(state, phase, event.source);
    case 'backlog':
      return nextOfBacklog(state, phase.left);
    case 'tail':
      return nextOfTail(state, event);
    case 'parked':
      return onParked(state, phase, event);
    case 'silent':
    case 'checking':
    case 'building':
    case 'reading':
      return stay(state);
  }
}

function onWaiting(
  state: ReplicaLane,
  { sinceMs, epoch }: Extract<ReplicaPhase, { kind: 'waiting' }>,
  event: EventOf<'room'>,
): ReplicaLaneStep {
  const mode = planResume(state.have, state.proof, event.source);
  const later = epoch === null || (event.source.head?.epoch ?? 0) > epoch;
  if (later && mode === 'shards') {
    return decide({ ...state, forked: false, unread: false }, event);
  }
  // This head has passed the edge's, which does not show that it is of the same history.
  if (later && mode === 'tail')
    return state.proof === null ? build(state) : check(state, state.proof);
  if (event.nowMs - sinceMs < waitMs) return stay(state);
  // Said once; the edge ends the stream.
  return stay({ ...state, phase: { kind: 'silent' }, resume: 'redirect' });
}

function nextShard(
  state: ReplicaLane,
  phase: Extract<ReplicaPhase, { kind: 'sending' }>,
  source: LaneSource,
): ReplicaLaneStep {
  const index = phase.shards[phase.next];
  if (index === undefined) {
    throw new RangeError(`no shard ${phase.next} of ${phase.shards.length}`);
  }
  const next = phase.next + 1;
  const { position } = phase;
  const more = next < phase.shards.length;
  const after = more ? { ...state, phase: { ...phase, next } } : follow(state, position, source);
  return { state: after, effects: [{ type: 'send_shard', position, index }] };
}

/**
 * The edge has the whole state at the position. The frame that led there is sent as well, if it is
 * at hand: it is the edge's proof that this position was signed.
 */
function follow(state: ReplicaLane, position: Position, source: LaneSource): ReplicaLane {
  const { epoch, rev } = position;
  const atHand = source.head?.epoch === epoch && source.ringAfter < rev;
  const have = atHand ? { epoch, rev: rev - 1 } : position;
  return { ...state, have, phase: { kind: 'tail' } };
}

function nextOfBacklog(state: ReplicaLane, left: number): ReplicaLaneStep {
  const phase: ReplicaPhase = left > 1 ? { kind: 'backlog', left: left - 1 } : { kind: 'tail' };
  return sendNext({ ...state, phase });
}

function nextOfTail(state: ReplicaLane, { source }: EventOf<'room'>): ReplicaLaneStep {
  const { have } = state;
  const { head } = source;
  if (have === null || head === null) return stay(state);
  if (have.epoch !== head.epoch) {
    return have.epoch < head.epoch ? build(state) : stay(state);
  }
  if (have.rev >= head.rev) return stay(state);
  if (have.rev >= source.ringAfter) return sendNext(state);
  if (!canTail(have.rev, head.rev, source)) return build(state);
  return {
    state: { ...state, phase: { kind: 'reading' } },
    effects: [{ type: 'read_log', after: have }],
  };
}

function sendNext(state: ReplicaLane): ReplicaLaneStep {
  if (state.have === null) throw new Error('a lane without a position has no next revision');
  const position = { epoch: state.have.epoch, rev: state.have.rev + 1 };
  return { state: { ...state, have: position }, effects: [{ type: 'send_frame', position }] };
}

function onLog(state: ReplicaLane, { after, frames }: EventOf<'log'>): ReplicaLaneStep {
  if (state.phase.kind !== 'reading' || !samePosition(after, state.have)) return stay(state);
  if (frames === 0) return build(state);
  return stay({ ...state, phase: { kind: 'backlog', left: frames } });
}

/** A manifest of which the edge has refused a shard is not sent: nothing would come of it. */
function onManifest(state: ReplicaLane, event: EventOf<'manifest'>): ReplicaLaneStep {
  if (state.phase.kind !== 'building') return stay(state);
  const { position, sha256, nowMs } = event;
  if (sha256.some((one) => state.refused.includes(one))) return park(state, position, nowMs);
  const phase: ReplicaPhase = { kind: 'offering', position, shards: sha256.length, sent: false };
  return stay({ ...state, have: null, phase, resume: 'shards' });
}

function onFetch(state: ReplicaLane, event: EventOf<'fetch'>): ReplicaLaneStep {
  const { position, shards, source } = event;
  const { phase } = state;
  if (phase.kind !== 'offering' || !phase.sent || !samePosition(position, phase.position)) {
    return stay(state);
  }
  const distinct = [...new Set(shards)].filter((index) => index >= 0 && index < phase.shards);
  if (distinct.length === 0) return stay(follow(state, position, source));
  return stay({ ...state, phase: { kind: 'sending', position, shards: distinct, next: 0 } });
}

function onNack(state: ReplicaLane, event: EventOf<'nack'>): ReplicaLaneStep {
  const { refusedSha256, position, nowMs } = event;
  if (refusedSha256 === '') return stay(state);
  const others = state.refused.filter((one) => one !== refusedSha256);
  const refused = [...others, refusedSha256].slice(-refusedMax);
  // What went out after it was not taken either.
  return park({ ...state, have: null, refused }, position, nowMs);
}

function onParked(
  state: ReplicaLane,
  { head, sinceMs }: Extract<ReplicaPhase, { kind: 'parked' }>,
  { nowMs, source }: EventOf<'room'>,
): ReplicaLaneStep {
  if (nowMs - sinceMs < unparkMs || samePosition(source.head, head)) return stay(state);
  return build(state);
}

/**
 * The database has been asked. It has lost history where its head lies before the proof, or where
 * it has another revision in the proof's place. Where it is in a later epoch already, only that one
 * will do: what this replica still holds may be a history that no longer is.
 */
function onHistory(state: ReplicaLane, event: EventOf<'history'>): ReplicaLaneStep {
  const { phase, proof } = state;
  if (phase.kind !== 'checking' || proof === null || !samePosition(event.of, proof)) {
    return stay(state);
  }
  const { head, sha256, nowMs, source } = event;
  if (head.epoch > (source.head?.epoch ?? 0)) return wait(state, nowMs, head.epoch - 1);
  const another = sha256 === null ? state.forked : sha256 !== hex(proof.bodySha256);
  if (comparePositions(head, proof) < 0 || another) {
    const { state: waiting } = wait(state, nowMs, Math.max(proof.epoch, head.epoch));
    return { state: waiting, effects: [{ type: 'raise_epoch', proof, databaseHead: head }] };
  }
  if (planResume(state.have, proof, source) === 'check') return wait(state, nowMs, null);
  const [next = null, ...unproven] = state.unproven;
  return compare(state, next, unproven, event);
}

function canTail(have: number, head: number, { ringAfter, logAfter }: LaneSource): boolean {
  if (have >= head || have >= ringAfter) return true;
  return logAfter !== null && have >= logAfter && head - have <= logRevisionsMax;
}

function check(state: ReplicaLane, proof: FrameProof): ReplicaLaneStep {
  return {
    state: { ...state, phase: { kind: 'checking' } },
    effects: [{ type: 'check_history', proof }],
  };
}

function build(state: ReplicaLane): ReplicaLaneStep {
  if (state.phase.kind === 'building') return stay(state);
  return {
    state: { ...state, resume: null, phase: { kind: 'building' } },
    effects: [{ type: 'build_manifest' }],
  };
}

function wait(state: ReplicaLane, nowMs: number, epoch: number | null): ReplicaLaneStep {
  return stay({ ...state, phase: { kind: 'waiting', sinceMs: nowMs, epoch }, resume: 'wait' });
}

function park(state: ReplicaLane, head: Position, nowMs: number): ReplicaLaneStep {
  return stay({ ...state, resume: null, phase: { kind: 'parked', head, sinceMs: nowMs } });
}

function undecided(notBeforeMs: number): ReplicaPhase {
  return { kind: 'undecided', notBeforeMs };
}

function stay(state: ReplicaLane): ReplicaLaneStep {
  return { state, effects: [] };
}
