import { createPrivateKey } from 'node:crypto';
import { newEd25519KeyPair } from '@sallyport/shared/keys/ed25519';
import { signKey } from '@sallyport/shared/keys/root';
import type { SigningKey } from '@sallyport/shared/state/model';
import { type SigningPurpose, signingPurposes } from '@sallyport/shared/sync/signing';
import { type SigningKeyPair, signingKeyPair } from '@sallyport/shared/sync/signing-keys';
import { describe, expect, it } from 'vitest';
import { write } from '../../store/write.ts';
import { startEdgeWorld, testActor } from '../../testing/edge-world.ts';
import { endEveryone } from '../../testing/lane-writes.ts';
import { ScriptedEdge } from '../../testing/scripted-edge.ts';

function newKey(rootKeyPem: string, purpose: SigningPurpose, keyId: string): SigningKeyPair {
  const { publicKey, privateKeyPem } = newEd25519KeyPair();
  const notBeforeMs = Date.now() - 1_000;
  const fields = { keyId, purpose, publicKey, notBeforeMs, notAfterMs: notBeforeMs + 60_000 };
  return signingKeyPair(signKey(fields, createPrivateKey(rootKeyPem)), privateKeyPem);
}

describe('what a replica signs with', () => {
  it('comes first on a stream, and again before the first frame of a new key', async () => {
    let pairs: SigningKeyPair[] = [];
    const world = await startEdgeWorld({ signingKeys: async () => pairs });
    const rootKeyPem = world.rootKeyPem ?? '';
    /** As when keys are endorsed: the lane `config` says so, and the replica loads them. */
    const publish = async (key: SigningKey): Promise<void> => {
      await write(world.database, testActor, { verb: 'test', resource: 'key' }, async (tx) => {
        tx.emit('config', key);
      });
    };
    const { client } = await world.joinEdge();
    const edge = new ScriptedEdge(
      client,
      { revoke: null },
      { rootPublicKey: world.seed.rootPublicKey },
    );
    await edge.until(() => edge.kinds.length > 0);
    expect(edge.kinds[0]).toBe('keys');
    // Without a key nothing is said that nobody could believe.
    expect(edge.lane('revoke').head).toBe(null);

    pairs = signingPurposes.map((purpose) => newKey(rootKeyPem, purpose, `${purpose}-1`));
    const [first] = pairs;
    if (first === undefined) throw new Error('there is no key');
    await publish(first.key);
    await edge.until(() => edge.lane('revoke').head !== null);
    await edge.untilHead('revoke', await endEveryone(world.database));

    const second = newKey(rootKeyPem, 'lane-revoke', 'lane-revoke-2');
    pairs = [...pairs, second];
    await publish(second.key);
    const keysBefore = () => edge.kinds.filter((kind) => kind === 'keys').length;
    await edge.until(() => keysBefore() === 3);
    await edge.untilHead('revoke', await endEveryone(world.database));
    expect(edge.problems).toEqual([]);
    expect(edge.lane('revoke').proof?.keyId).toBe('lane-revoke-2');

    // Withdrawn: what goes out from now on is signed with the other one, old revisions as well.
    pairs = pairs.filter((pair) => pair !== second);
    await write(world.database, testActor, { verb: 'test', resource: 'key' }, async (tx) => {
      tx.emit('config', { op: 'deleted_signing_key', keyId: second.key.keyId });
    });
    await edge.until(() => keysBefore() === 4);
    const late = new ScriptedEdge(
      client,
      { revoke: null },
      { rootPublicKey: world.seed.rootPublicKey },
    );
    // On the stream before the revision is written, so that it comes as a frame.
    await late.until(() => late.lane('revoke').head !== null);
    await late.untilHead('revoke', await endEveryone(world.database));
    await edge.until(() => edge.lane('revoke').proof?.keyId === 'lane-revoke-1');
    expect([...edge.problems, ...late.problems]).toEqual([]);
    expect(late.lane('revoke').proof?.keyId).toBe('lane-revoke-1');
    late.close();
    edge.close();
  });
});
