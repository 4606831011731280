import { describe, expect, it } from 'vitest';
import { bodySha256 } from './signing.ts';
import { alarms, DrivenLane, frame, only } from './testing/driven-lane.ts';

const wallMs = 1_700_000_000_000;

function provisional(
  lane: DrivenLane,
  change: { id?: string; nowWallMs?: number; forged?: true } = {},
) {
  const body = Buffer.from('ops 11');
  return lane.feed({
    type: 'provisional',
    path: 'nats',
    provisional: {
      id: change.id ?? 'one',
      issuedAtMs: wallMs,
      expiresAtMs: wallMs + 60_000,
      body,
      keyId: 'key',
      signature: new Uint8Array(),
    },
    sha256: bodySha256(body),
    verdict: change.forged ? 'forged' : 'ok',
    wallMs: change.nowWallMs ?? wallMs,
  });
}

describe('a provisional denial', () => {
  it('is enforced at once, once, and moves no head', () => {
    const lane = new DrivenLane();
    expect(provisional(lane)).toMatchObject([{ type: 'enforce_provisional' }]);
    expect(provisional(lane)).toEqual([]);
    expect(lane.state.head).toEqual({ epoch: 1, rev: 10 });
  });

  it('ends at its time, on the monotonic clock', () => {
    const lane = new DrivenLane();
    provisional(lane);
    expect(only(lane.wait(59_000), 'drop_provisional')).toEqual([]);
    expect(only(lane.wait(1_250), 'drop_provisional')).toEqual([
      { type: 'drop_provisional', id: 'one' },
    ]);
  });

  it('is taken over by the frame that has the same ops', () => {
    const lane = new DrivenLane();
    provisional(lane);
    expect(only(lane.take(frame(11)), 'drop_provisional')).toHaveLength(1);
    expect(lane.state.provisionals.size).toBe(0);
  });

  it('is refused when it is forged, or comes after its end', () => {
    const lane = new DrivenLane();
    expect(alarms(provisional(lane, { forged: true }))).toEqual(['forged']);
    expect(alarms(provisional(lane, { nowWallMs: wallMs + 60_000 }))).toEqual(['replay']);
    expect(lane.state.provisionals.size).toBe(0);
  });

  it('does not last longer because our clock is behind', () => {
    const lane = new DrivenLane();
    provisional(lane, { nowWallMs: wallMs - 3_600_000 });
    expect(only(lane.wait(60_250), 'drop_provisional')).toHaveLength(1);
  });

  it('is one of a bounded number', () => {
    const lane = new DrivenLane();
    for (let count = 0; count < 256; count += 1) provisional(lane, { id: `${count}` });
    expect(alarms(provisional(lane, { id: 'one more' }))).toEqual(['overflow']);
  });
});
