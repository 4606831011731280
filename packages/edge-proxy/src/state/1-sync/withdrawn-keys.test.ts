import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AckStage, NackCode, opsToBytes } from '@sallyport/proto';
import type { ConfigOp, Position } from '@sallyport/shared/state/model';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  at,
  blocked,
  bringUp,
  sampleConfig,
  streamAfter,
  streamOf,
  userBlock,
} from '../../testing/brought-up.ts';
import { type EdgeUnderTest, startEdgeUnderTest } from '../../testing/edge-under-test.ts';
import { sampleSigningKey } from '../../testing/sample-state.ts';
import { ScriptedControlPlane } from '../../testing/scripted-control-plane.ts';
import { scriptedKeys } from '../../testing/scripted-keys.ts';
import type { ScriptedStream } from '../../testing/scripted-stream.ts';

const { APPLIED, ENFORCED } = AckStage;
let plane: ScriptedControlPlane;
let edge: EdgeUnderTest;
let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sallyport-keys-'));
  plane = await ScriptedControlPlane.start({ demandsCertificates: true });
  edge = await startEdgeUnderTest([plane], { home });
});
afterEach(async () => {
  await edge.stop();
  plane.close();
  await rm(home, { recursive: true, force: true });
});

/** Keys of the same root beside those that the plane signs with, and what their thief can send. */
function otherKeys() {
  const keys = scriptedKeys(plane.root, 'other');
  const rows = keys.keys();
  const tell = (stream: ScriptedStream) => stream.send({ kind: 'keys', value: { keys: rows } });
  const block = (stream: ScriptedStream, { epoch, rev }: Position, user: string) => {
    const body = opsToBytes([userBlock(`rev_${rev}`, user)]);
    const fields = { lane: 'revoke', epoch, prevRev: rev - 1, rev, body } as const;
    stream.send({ kind: 'frame', value: keys.frame(fields, Date.now()) });
  };
  const gone = rows.map(({ keyId }): ConfigOp => ({ op: 'deleted_signing_key', keyId }));
  return { keys, rows, tell, block, gone };
}

/** The stream that comes after one was ended over a frame that nobody could have signed. */
async function afterRefusal(revoke: ScriptedStream, position: Position): Promise<ScriptedStream> {
  await edge.alarms.first(([lane, name]) => lane === 'revoke' && name === 'unknown_key');
  const again = await streamAfter(plane, revoke);
  again.resume('revoke', 'tail', position);
  return again;
}

describe('a signing key that the config lane takes out', () => {
  it('is believed until then, and afterwards in no frame and no heartbeat, whoever tells of it again', async () => {
    const { rows, tell, block, gone, keys } = otherKeys();
    const { revoke, bulk } = await bringUp(plane, edge);
    tell(revoke);
    bulk.sendFrame('config', at(21), rows);
    block(revoke, at(11), 'usr_a');
    await revoke.acked('revoke', at(11), APPLIED);
    bulk.sendFrame('config', at(22), gone);
    await bulk.acked('config', at(22), ENFORCED);

    tell(revoke);
    const head = { lane: 'revoke', head: at(11), digest: null, digestAt: null } as const;
    const beat = { replica: 'thief', sentAtMs: Date.now(), logAgeMs: 0, heads: [head] };
    revoke.send({ kind: 'heartbeat', value: keys.heartbeat(beat, Date.now()) });
    block(revoke, at(12), 'usr_b');
    const again = await afterRefusal(revoke, at(11));
    expect(blocked(edge, 'usr_b')).toEqual([false]);
    again.sendFrame('revoke', at(12), [userBlock('rev_12', 'usr_c')]);
    await again.acked('revoke', at(12), ENFORCED);
    expect(blocked(edge, 'usr_c')).toEqual([true]);
  });

  it('stays out after a restart of the edge, because the disk remembers it', async () => {
    const { rows, tell, block, gone } = otherKeys();
    const { revoke, bulk } = await bringUp(plane, edge);
    tell(revoke);
    bulk.sendFrame('config', at(21), rows);
    bulk.sendFrame('config', at(22), gone);
    await bulk.acked('config', at(22), ENFORCED);
    await edge.stop();
    edge = await startEdgeUnderTest([plane], { home });
    const resumed = await streamAfter(plane, revoke);
    expect(resumed.have('revoke')?.position).toEqual(at(10));
    resumed.resume('revoke', 'tail', at(10));
    tell(resumed);
    block(resumed, at(11), 'usr_b');
    await afterRefusal(resumed, at(10));
    expect(blocked(edge, 'usr_b')).toEqual([false]);
  });

  it('is out as well where the whole state comes without it, and what took it out was not seen', async () => {
    const { rows, tell, block } = otherKeys();
    const { revoke, bulk } = await bringUp(plane, edge);
    tell(revoke);
    bulk.sendFrame('config', at(21), rows);
    await bulk.acked('config', at(21), ENFORCED);
    bulk.sendState('config', at(25), sampleConfig(plane, edge));
    await bulk.acked('config', at(25), ENFORCED);
    tell(revoke);
    block(revoke, at(11), 'usr_b');
    await afterRefusal(revoke, at(10));
    expect(blocked(edge, 'usr_b')).toEqual([false]);
  });

  it('verifies no session any more, and is no row to be used when it comes back', async () => {
    const { bulk } = await bringUp(plane, edge);
    const statement = sampleSigningKey(plane.root);
    const found = () => edge.workers[0]?.current.statementKey(statement.keyId, 1);
    expect(found()).not.toBeNull();
    bulk.sendFrame('config', at(21), [{ op: 'deleted_signing_key', keyId: statement.keyId }]);
    await bulk.acked('config', at(21), ENFORCED);
    expect(found()).toBeNull();
    bulk.sendFrame('config', at(22), [statement]);
    expect(await bulk.nacks.next()).toMatchObject({ code: NackCode.SIGNATURE });
    expect(found()).toBeNull();
    expect((await streamOf(plane, 'config')) === bulk).toBe(true);
  });
});
