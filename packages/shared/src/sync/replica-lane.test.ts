import { describe, expect, it } from 'vitest';
import type { Position } from '../state/model.ts';
import type { FrameProof } from './messages.ts';
import { createReplicaLane, planResume, stepReplicaLane } from './replica-lane.ts';
import type {
  LaneSource,
  ReplicaLane,
  ReplicaLaneEffect,
  ReplicaLaneEvent,
  ShownFrame,
} from './replica-lane-model.ts';

type EventBody = ReplicaLaneEvent extends infer Event
  ? Event extends ReplicaLaneEvent
    ? Omit<Event, 'nowMs' | 'source'>
    : never
  : never;

const at = (rev: number, epoch = 1): Position => ({ epoch, rev });
const sha = (byte: number) => new Uint8Array(32).fill(byte);
const hex = (byte: number) => Buffer.from(sha(byte)).toString('hex');

function proof(rev: number, epoch = 1): FrameProof {
  const header = { epoch, prevRev: rev - 1, rev, keyId: 'key' };
  return { ...header, bodySha256: sha(1), signature: new Uint8Array(64) };
}

class Driven {
  nowMs = 0;
  state: ReplicaLane = createReplicaLane('revoke');
  source: LaneSource;

  constructor(source: Partial<LaneSource> = {}) {
    this.source = { head: at(20), forkedAt: null, ringAfter: 10, logAfter: 5, ...source };
  }

  feed(event: EventBody): readonly ReplicaLaneEffect[] {
    const { nowMs, source } = this;
    const { state, effects } = stepReplicaLane(this.state, { ...event, nowMs, source });
    this.state = state;
    return effects;
  }

  hello(have: Position | null, of: FrameProof | null = null, ownSha256: string | null = null) {
    return this.hears(have, of === null ? [] : [{ proof: of, ownSha256 }]);
  }

  hears(have: Position | null, shown: readonly ShownFrame[]) {
    return this.feed({ type: 'hello', have, shown });
  }

  /** What goes out next, until nothing does. */
  drain(max = 50): ReplicaLaneEffect[] {
    const sent: ReplicaLaneEffect[] = [];
    while (sent.length < max) {
      const effects = this.feed({ type: 'room' });
      sent.push(...effects);
      if (!effects.some(({ type }) => type.startsWith('send_'))) return sent;
    }
    return sent;
  }
}

const frames = (effects: readonly ReplicaLaneEffect[]) =>
  effects.flatMap((one) => (one.type === 'send_frame' ? [one.position.rev] : []));
const resumes = (effects: readonly ReplicaLaneEffect[]) =>
  effects.flatMap((one) => (one.type === 'send_resume' ? [one.mode] : []));

describe('how a lane goes on', () => {
  const source: LaneSource = { head: at(20, 3), forkedAt: null, ringAfter: 10, logAfter: 5 };
  it.each<[string, Position | null, FrameProof | null, Partial<LaneSource>, string]>([
    ['nothing yet', null, null, {}, 'shards'],
    ['an earlier epoch', at(99, 2), proof(99, 2), {}, 'shards'],
    ['the head', at(20, 3), null, { ringAfter: 20, logAfter: null }, 'tail'],
    ['within the ring', at(10, 3), null, { logAfter: null }, 'tail'],
    ['within the log', at(5, 3), null, {}, 'tail'],
    ['before the log', at(4, 3), null, {}, 'shards'],
    ['out of the ring while the database is away', at(9, 3), null, { logAfter: null }, 'shards'],
    ['further behind than the log is worth', at(5, 3), null, { head: at(20_000, 3) }, 'shards'],
    ['ahead, without a proof', at(21, 3), null, {}, 'wait'],
    ['ahead, with a proof', at(21, 3), proof(21, 3), {}, 'check'],
    ['a later epoch, with a proof', at(1, 4), proof(1, 4), {}, 'check'],
    ['nothing to be relied on, but a proof from ahead', null, proof(21, 3), {}, 'check'],
    ['anything, before the database was read', at(1, 3), null, { head: null }, 'undecided'],
  ])('for an edge that has %s', (_, have, of, change, plan) => {
    expect(planResume(have, of, { ...source, ...change })).toBe(plan);
  });
});

describe('TAIL', () => {
  it('sends every frame after what the edge has, once', () => {
    const driven = new Driven();
    driven.hello(at(15));
    const sent = driven.drain();
    expect(resumes(sent)).toEqual(['tail']);
    expect(frames(sent)).toEqual([16, 17, 18, 19, 20]);
    driven.source = { ...driven.source, head: at(22) };
    expect(frames(driven.drain())).toEqual([21, 22]);
  });

  it('reads the log for an edge that fell out of the ring', () => {
    const driven = new Driven();
    driven.hello(at(7));
    expect(driven.drain()).toMatchObject([
      { type: 'send_resume', mode: 'tail' },
      { type: 'read_log', after: at(7) },
    ]);
    driven.feed({ type: 'log', after: at(7), frames: 4 });
    expect(frames(driven.drain()).slice(0, 5)).toEqual([8, 9, 10, 11, 12]);
  });

  it('goes on by shards when the log does not, or when a frame is too large', () => {
    const driven = new Driven();
    driven.hello(at(7));
    driven.drain();
    expect(driven.feed({ type: 'log', after: at(7), frames: 0 })).toEqual([
      { type: 'build_manifest' },
    ]);
    const other = new Driven();
    other.hello(at(15));
    other.drain(2);
    expect(other.feed({ type: 'oversize' })).toEqual([{ type: 'build_manifest' }]);
  });

  it('ends where a new epoch begins: its state goes out by shards', () => {
    const driven = new Driven();
    driven.hello(at(20));
    driven.drain();
    driven.source = { ...driven.source, head: at(1, 2), forkedAt: at(18), ringAfter: 0 };
    expect(driven.drain()).toEqual([{ type: 'build_manifest' }]);
    driven.feed({ type: 'manifest', position: at(1, 2), sha256: [hex(5)] });
    expect(driven.drain()).toMatchObject([
      { type: 'send_resume', mode: 'shards', forkedAt: at(18) },
      { type: 'send_manifest' },
    ]);
  });
});

describe('SHARDS', () => {
  function offering(): Driven {
    const driven = new Driven();
    expect(driven.hello(null)).toEqual([{ type: 'build_manifest' }]);
    driven.feed({ type: 'manifest', position: at(20), sha256: [hex(5), hex(6), hex(7)] });
    expect(driven.drain().map(({ type }) => type)).toEqual(['send_resume', 'send_manifest']);
    return driven;
  }

  it('sends what was asked for, then the frame of the position as its proof, then the tail', () => {
    const driven = offering();
    driven.source = { ...driven.source, head: at(21) };
    driven.feed({ type: 'fetch', position: at(20), shards: [2, 0] });
    expect(driven.drain()).toMatchObject([
      { type: 'send_shard', index: 2 },
      { type: 'send_shard', index: 0 },
      { type: 'send_frame', position: at(20) },
      { type: 'send_frame', position: at(21) },
    ]);
  });

  it('sends nothing before it was asked, and no shard that there is not', () => {
    const driven = offering();
    expect(driven.drain()).toEqual([]);
    driven.feed({ type: 'fetch', position: at(19), shards: [0] });
    expect(driven.drain()).toEqual([]);
    driven.feed({ type: 'fetch', position: at(20), shards: [7, -1, 1, 1] });
    expect(driven.drain().filter(({ type }) => type === 'send_shard')).toMatchObject([
      { index: 1 },
    ]);
  });

  it('begins anew when the manifest’s shards are gone', () => {
    const driven = offering();
    driven.feed({ type: 'fetch', position: at(20), shards: [0, 1] });
    expect(driven.feed({ type: 'shards_gone' })).toEqual([{ type: 'build_manifest' }]);
    driven.feed({ type: 'manifest', position: at(24), sha256: [hex(5), hex(6), hex(7)] });
    expect(driven.drain().map(({ type }) => type)).toEqual(['send_resume', 'send_manifest']);
  });

  it('may be asked for again at any time by another Hello', () => {
    const driven = offering();
    driven.feed({ type: 'fetch', position: at(20), shards: [] });
    driven.drain();
    expect(driven.hello(null)).toEqual([{ type: 'build_manifest' }]);
  });
});

describe('WAIT', () => {
  it('lasts until this replica has caught up, and has what the edge can prove', () => {
    const driven = new Driven();
    driven.hello(at(25), proof(25));
    driven.feed({ type: 'history', of: at(25), head: at(26), sha256: hex(1) });
    expect(resumes(driven.drain())).toEqual(['wait']);
    driven.source = { ...driven.source, head: at(26) };
    expect(driven.drain()).toMatchObject([{ type: 'check_history' }]);
    driven.feed({ type: 'history', of: at(25), head: at(26), sha256: hex(1) });
    const sent = driven.drain();
    expect([resumes(sent), frames(sent)]).toEqual([['tail'], [26]]);
  });

  it('without a proof ends with a comparison of the whole state', () => {
    const driven = new Driven();
    driven.hello(at(25));
    expect(resumes(driven.drain())).toEqual(['wait']);
    driven.source = { ...driven.source, head: at(26) };
    expect(driven.drain()).toEqual([{ type: 'build_manifest' }]);
  });

  it('becomes REDIRECT when it takes too long', () => {
    const driven = new Driven();
    driven.hello(at(25));
    driven.drain();
    driven.nowMs = 5_000;
    expect(resumes(driven.drain())).toEqual(['redirect']);
    expect(driven.drain()).toEqual([]);
  });
});

describe('a proof of what this replica does not have', () => {
  it('compares both frames of an edge whose newest one waits ahead of a gap', () => {
    const shown = (own: number): ShownFrame[] => [
      { proof: proof(19), ownSha256: hex(1) },
      { proof: proof(12), ownSha256: hex(own) },
    ];
    const driven = new Driven();
    expect(driven.hears(at(12), shown(9))).toMatchObject([
      { type: 'check_history', proof: { rev: 12 } },
    ]);
    const effects = driven.feed({ type: 'history', of: at(12), head: at(20), sha256: hex(9) });
    expect(effects).toMatchObject([{ type: 'raise_epoch', proof: { rev: 12 } }]);
    const alike = new Driven();
    alike.hears(at(12), shown(1));
    expect(resumes(alike.drain())).toEqual(['tail']);
  });

  it('compares one after the other what is no longer at hand', () => {
    const driven = new Driven();
    const shown = [proof(9), proof(7)].map((one) => ({ proof: one, ownSha256: null }));
    expect(driven.hears(at(7), shown)).toMatchObject([
      { type: 'check_history', proof: { rev: 9 } },
    ]);
    expect(driven.feed({ type: 'history', of: at(9), head: at(20), sha256: hex(1) })).toMatchObject(
      [{ type: 'check_history', proof: { rev: 7 } }],
    );
    expect(driven.feed({ type: 'history', of: at(7), head: at(20), sha256: hex(2) })).toMatchObject(
      [{ type: 'raise_epoch', proof: { rev: 7 } }],
    );
  });

  it('shows that the database lost history: the epoch is raised, and shards follow', () => {
    const driven = new Driven();
    expect(driven.hello(at(25), proof(25))).toMatchObject([{ type: 'check_history' }]);
    const effects = driven.feed({ type: 'history', of: at(25), head: at(20), sha256: null });
    expect(effects).toMatchObject([{ type: 'raise_epoch', databaseHead: at(20) }]);
    expect(resumes(driven.drain())).toEqual(['wait']);
    driven.source = { ...driven.source, head: at(1, 2), forkedAt: at(20) };
    driven.feed({ type: 'room' });
    expect(driven.state.phase.kind).toBe('building');
  });

  it('shows nothing when the database has it', () => {
    const driven = new Driven();
    driven.hello(at(25), proof(25));
    expect(driven.feed({ type: 'history', of: at(25), head: at(26), sha256: hex(1) })).toEqual([]);
    expect(resumes(driven.drain())).toEqual(['wait']);
  });

  it('of a later epoch than the database’s shows it, too', () => {
    const driven = new Driven();
    driven.hello(at(3, 2), proof(3, 2));
    const effects = driven.feed({ type: 'history', of: at(3, 2), head: at(20), sha256: null });
    expect(effects).toMatchObject([{ type: 'raise_epoch', proof: { epoch: 2 } }]);
  });

  it('with another frame here, at the same position, shows it when the database has outgrown it', () => {
    const driven = new Driven();
    expect(driven.hello(at(15), proof(15), hex(2))).toMatchObject([{ type: 'check_history' }]);
    const effects = driven.feed({ type: 'history', of: at(15), head: at(30), sha256: hex(2) });
    expect(effects).toMatchObject([{ type: 'raise_epoch' }]);
    // The forked tail is never sent.
    expect(frames(driven.drain())).toEqual([]);
  });

  it('is not forgotten because the database could not be asked', () => {
    const driven = new Driven();
    driven.hello(at(15), proof(15), hex(2));
    driven.feed({ type: 'failed', jitter: 0 });
    expect(driven.drain()).toEqual([]);
    driven.nowMs = 1_000;
    expect(driven.drain()).toMatchObject([{ type: 'check_history' }]);
  });

  it('is asked about again at an instant of its own', () => {
    const driven = new Driven();
    driven.hello(at(15), proof(15), hex(2));
    driven.feed({ type: 'failed', jitter: 0.5 });
    driven.nowMs = 1_499;
    expect(driven.drain()).toEqual([]);
    driven.nowMs = 1_500;
    expect(driven.drain()).toMatchObject([{ type: 'check_history' }]);
  });

  it('is looked for in the log where its frame has left the ring', () => {
    const driven = new Driven();
    expect(driven.hello(at(7), proof(7))).toMatchObject([{ type: 'check_history' }]);
    driven.feed({ type: 'failed', jitter: 0 });
    driven.nowMs = 1_000;
    expect(driven.drain()).toMatchObject([{ type: 'check_history' }]);
    driven.feed({ type: 'history', of: at(7), head: at(20), sha256: hex(1) });
    expect(resumes(driven.drain())).toEqual(['tail']);
  });

  it('that the log has otherwise shows it, and one of an epoch that is over waits for the next', () => {
    const other = new Driven();
    other.hello(at(7), proof(7));
    const effects = other.feed({ type: 'history', of: at(7), head: at(20), sha256: hex(2) });
    expect(effects).toMatchObject([{ type: 'raise_epoch' }]);
    const over = new Driven();
    over.hello(at(7), proof(7));
    over.feed({ type: 'history', of: at(7), head: at(1, 2), sha256: null });
    expect(resumes(over.drain())).toEqual(['wait']);
  });

  it.each<[string, Position | null, FrameProof, Partial<LaneSource>]>([
    ['the log does not go back so far', at(4), proof(4), {}],
    ['the log cannot be read', at(7), proof(7), { logAfter: null }],
    ['the edge asks for the whole state', null, proof(7), {}],
  ])('is not looked for where %s', (_, have, of, source) => {
    expect(new Driven(source).hello(have, of)).toEqual([{ type: 'build_manifest' }]);
  });

  it('sends nothing of an epoch that the database has left', () => {
    const driven = new Driven();
    driven.hello(at(15), proof(15), hex(2));
    expect(driven.feed({ type: 'history', of: at(15), head: at(1, 2), sha256: null })).toEqual([]);
    expect(resumes(driven.drain())).toEqual(['wait']);
    expect(driven.drain()).toEqual([]);
  });

  it('is not answered by what was found out about another one', () => {
    const driven = new Driven();
    driven.hello(at(25), proof(25));
    driven.hello(at(26), proof(26));
    expect(driven.feed({ type: 'history', of: at(25), head: at(20), sha256: null })).toEqual([]);
  });
});

describe('a NACK', () => {
  const refusedSha256 = hex(9);

  it('stops the lane before what was refused, and nothing is sent until there is something else', () => {
    const driven = new Driven();
    driven.hello(at(19));
    driven.drain();
    driven.feed({ type: 'nack', position: at(20), code: 'SCHEMA', refusedSha256 });
    driven.nowMs = 60_000;
    expect(driven.drain()).toEqual([]);
  });

  it('leads to shards once the lane has moved on', () => {
    const driven = new Driven();
    driven.hello(at(19));
    driven.drain();
    driven.feed({ type: 'nack', position: at(20), code: 'SCHEMA', refusedSha256 });
    driven.source = { ...driven.source, head: at(21) };
    driven.nowMs = 1_000;
    expect(driven.drain()).toEqual([{ type: 'build_manifest' }]);
  });

  it('of a shard keeps every manifest back that still has it', () => {
    const driven = new Driven();
    driven.hello(null);
    driven.feed({ type: 'manifest', position: at(20), sha256: [refusedSha256, hex(6)] });
    driven.drain();
    driven.feed({ type: 'fetch', position: at(20), shards: [0] });
    driven.drain();
    driven.feed({ type: 'nack', position: at(20), code: 'SCHEMA', refusedSha256 });
    driven.source = { ...driven.source, head: at(21) };
    driven.nowMs = 1_000;
    driven.drain();
    driven.feed({ type: 'manifest', position: at(21), sha256: [refusedSha256, hex(7)] });
    expect(driven.drain()).toEqual([]);
    driven.source = { ...driven.source, head: at(22) };
    driven.nowMs = 2_000;
    driven.drain();
    driven.feed({ type: 'manifest', position: at(22), sha256: [hex(8), hex(7)] });
    expect(driven.drain().map(({ type }) => type)).toEqual(['send_resume', 'send_manifest']);
  });

  it('leaves nothing to go on from, also when the database cannot be read just then', () => {
    const driven = new Driven();
    driven.hello(at(19));
    driven.drain();
    driven.feed({ type: 'nack', position: at(20), code: 'SCHEMA', refusedSha256 });
    driven.source = { ...driven.source, head: at(21) };
    driven.nowMs = 1_000;
    driven.drain();
    driven.feed({ type: 'failed', jitter: 0 });
    driven.nowMs = 2_000;
    expect(driven.drain()).toEqual([{ type: 'build_manifest' }]);
  });

  it('without a hash changes nothing here', () => {
    const driven = new Driven();
    driven.hello(at(15));
    driven.feed({ type: 'nack', position: at(15), code: 'DIGEST', refusedSha256: '' });
    expect(frames(driven.drain())).toHaveLength(5);
  });

  it('is remembered for a bounded number of bodies', () => {
    const driven = new Driven();
    for (let byte = 0; byte < 100; byte += 1) {
      driven.feed({ type: 'nack', position: at(20), code: 'LIMIT', refusedSha256: hex(byte) });
    }
    expect(driven.state.refused).toHaveLength(16);
  });
});
