import { opsToBytes } from '@sallyport/proto';
import { createLog } from '@sallyport/shared/log';
import type { ConfigOp } from '@sallyport/shared/state/model';
import { KeyedRows } from '@sallyport/shared/state/tables/keyed-rows';
import { afterAll, describe, expect, it } from 'vitest';
import {
  bundleOf,
  createRootKey,
  sampleBundle,
  sampleSigningKey,
  secretRef,
} from '../../testing/sample-state.ts';
import { scriptedKeys } from '../../testing/scripted-keys.ts';
import { Distributor } from '../../worker/distributor.ts';
import { BundleChecker, checkBundles } from '../3-index/check-bundles.ts';
import type { BundleCheck } from './admit-config.ts';
import { ConfigStore } from './config-store.ts';

const root = createRootKey();
const keys = scriptedKeys(root);
const arrival = { path: 'grpc', arrivedAtMs: 0 } as const;
const release = (version: number, shadowVersion: number | null = null): ConfigOp => ({
  op: 'release',
  ring: 'default',
  version,
  shadowVersion,
});
const checker = new BundleChecker();
afterAll(() => checker.close());
const broken = (version: number) => bundleOf(version, Buffer.from('{"documents":[{}]}'));

/** The lane with one worker that takes and enforces everything at once. */
function configLane(recheck?: BundleCheck) {
  const enforced: number[] = [];
  const sent: ConfigOp[] = [];
  const distributor: Distributor = new Distributor(
    1,
    (message) =>
      queueMicrotask(() => {
        if (message.type === 'config') sent.push(...message.ops);
        distributor.onApplied(0, message.seq);
        distributor.onEnforced(0, message.seq);
      }),
    (stage, { position }) => {
      if (stage === 'enforced') enforced.push(position.rev);
    },
  );
  let secretsHere: boolean | null = null;
  const checks = { fail: false, done: 0, of: new Map<number, string>() };
  const check: BundleCheck = async (bundles) => {
    const verdicts = await (checks.fail
      ? checkBundles(bundles, { deadlineMs: 0, heapMiB: 512 })
      : checker.check(bundles));
    checks.done += bundles.length;
    for (const [index, { version }] of bundles.entries()) {
      checks.of.set(version, verdicts[index]?.kind ?? 'none');
    }
    return verdicts;
  };
  const store = new ConfigStore({
    rows: new KeyedRows(),
    distributor,
    keys: { isWithdrawn: () => false, withdraw: () => undefined },
    disk: { configChanged: () => undefined },
    rootPublicKey: root.publicKey,
    onSecrets: () => {
      if (secretsHere !== null) store.secretsHere(secretsHere);
    },
    log: createLog('error', {}, () => undefined),
    check,
    recheck: recheck ?? check,
    recheckMs: 1,
  });
  let rev = 0;
  return {
    store,
    enforced,
    sent,
    checks,
    /** What the next change of references will find. */
    findSecrets: (here: boolean) => {
      secretsHere = here;
    },
    /** Takes the next revision; the codes of what was refused of it. */
    take: async (...ops: ConfigOp[]): Promise<string[]> => {
      rev += 1;
      const body = opsToBytes(ops);
      const fields = { lane: 'config', epoch: 1, prevRev: rev - 1, rev, body } as const;
      const taken = await store.apply(keys.frame(fields, Date.now()), arrival);
      await Promise.resolve();
      return taken.kind === 'taken' ? taken.refusals.map(({ code }) => code) : ['all'];
    },
  };
}

describe('the acknowledgement of configuration', () => {
  it('never covers a version that does not compile, until a newer one takes its place', async () => {
    const { take, enforced } = configLane();
    await take(sampleBundle(8), release(8));
    expect(await take(broken(9))).toEqual(['COMPILE']);
    expect(await take(sampleSigningKey(root))).toEqual([]);
    expect(enforced).toEqual([1]);
    await take(sampleBundle(10));
    expect(enforced).toEqual([1, 4]);
  });

  it('waits for as long as the release of a version that is not live stands', async () => {
    const { take, enforced } = configLane();
    await take(sampleBundle(8), release(8));
    expect(await take(broken(9), release(9))).toEqual(['COMPILE', 'DEPENDENCY']);
    await take(sampleBundle(10));
    expect(enforced).toEqual([1]);
    await take(release(8));
    expect(enforced).toEqual([1, 4]);
  });

  it('waits for a version that was replaced while it is released, until its row is sound', async () => {
    const { take, enforced } = configLane();
    await take(sampleBundle(8), sampleBundle(9), release(8));
    expect(await take(broken(8))).toEqual(['COMPILE']);
    await take();
    expect(enforced).toEqual([1]);
    await take(sampleBundle(8));
    expect(enforced).toEqual([1, 4]);
  });

  it('takes a release that came before its version when the version comes', async () => {
    const { take, enforced, sent } = configLane();
    expect(await take(release(8))).toEqual(['DEPENDENCY']);
    expect(await take(sampleBundle(8))).toEqual([]);
    expect(enforced).toEqual([2]);
    expect(sent.map(({ op }) => op)).toEqual(['bundle', 'release']);
  });

  it('does not wait for a shadow, which stands in the way of nothing', async () => {
    const { take, enforced, sent } = configLane();
    expect(await take(sampleBundle(8), release(8, 9))).toEqual([]);
    expect(await take(broken(9))).toEqual(['COMPILE']);
    expect(await take(sampleBundle(10), release(10, 9))).toEqual([]);
    expect(enforced).toEqual([1, 3]);
    expect(sent.at(-1)).toEqual(release(10, 9));
  });

  it('keeps a shadow at hand that the state does not name any more', async () => {
    const { take, enforced, sent } = configLane();
    await take(sampleBundle(8), sampleBundle(9), release(8, 9));
    await take({ op: 'deleted_bundle', version: 9 });
    expect(await take(release(9))).toEqual([]);
    expect([enforced, sent.at(-1)]).toEqual([[1, 2, 3], release(9)]);
  });

  it('waits for a signing key that the root does not vouch for, until its row is deleted', async () => {
    const { take, enforced } = configLane();
    expect(await take(sampleSigningKey(createRootKey(), 'forged'))).toEqual(['SIGNATURE']);
    await take(sampleSigningKey(root, 'genuine'));
    expect(enforced).toEqual([]);
    await take({ op: 'deleted_signing_key', keyId: 'forged' });
    expect(enforced).toEqual([3]);
  });

  it('waits for the value of a secret, and comes by itself when it is in use', async () => {
    const { take, store, enforced, findSecrets } = configLane();
    await take(secretRef('cookie-ring', Buffer.from('one')));
    findSecrets(false);
    await take(secretRef('cookie-ring', Buffer.from('two')));
    await take(sampleSigningKey(root));
    expect(enforced).toEqual([1]);
    store.secretsHere(true);
    await expect.poll(() => enforced).toEqual([1, 3]);
  });

  it('does not come with the value of a secret while a row is refused', async () => {
    const { take, store, enforced, findSecrets } = configLane();
    findSecrets(false);
    await take(secretRef('cookie-ring', Buffer.from('two')), broken(9));
    store.secretsHere(true);
    findSecrets(true);
    await take();
    expect(enforced).toEqual([]);
    await take({ op: 'deleted_bundle', version: 9 });
    expect(enforced).toEqual([3]);
  });
});

describe('a version that could not be checked', () => {
  it('is refused as a fault of this edge, and taken with its release when a check succeeds', async () => {
    const { take, enforced, sent, checks } = configLane();
    checks.fail = true;
    expect(await take(sampleBundle(8), release(8))).toEqual(['INTERNAL', 'DEPENDENCY']);
    expect(await take(sampleSigningKey(root))).toEqual([]);
    await expect.poll(() => checks.done).toBeGreaterThan(2);
    expect(enforced).toEqual([]);
    checks.fail = false;
    await expect.poll(() => enforced, { timeout: 10_000 }).toEqual([2]);
    expect(sent.map(({ op }) => op)).toEqual(['signing_key', 'bundle', 'release']);
  });

  it('is checked no more once it was shown to be wrong', async () => {
    const { take, checks } = configLane();
    checks.fail = true;
    expect(await take(broken(8), sampleBundle(9))).toEqual(['INTERNAL', 'INTERNAL']);
    checks.fail = false;
    await expect.poll(() => checks.of.get(9), { timeout: 10_000 }).toBe('good');
    expect(checks.of.get(8)).toBe('bad');
    const { done } = checks;
    await take(sampleBundle(10));
    expect(checks.done).toBe(done + 1);
  });

  it('is checked no more once its row is replaced', async () => {
    const { take, enforced, checks } = configLane();
    checks.fail = true;
    expect(await take(sampleBundle(8))).toEqual(['INTERNAL']);
    await take({ op: 'deleted_bundle', version: 8 });
    expect(enforced).toEqual([2]);
    checks.fail = false;
    expect(await take(broken(8))).toEqual(['COMPILE']);
    await take();
    expect(enforced).toEqual([2]);
  });

  it('keeps no other version from being checked while it is checked again', async () => {
    const again = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const { take, enforced, checks } = configLane(async (bundles) => {
      again.resolve();
      await goOn.promise;
      return checkBundles(bundles);
    });
    checks.fail = true;
    expect(await take(sampleBundle(8))).toEqual(['INTERNAL']);
    await again.promise;
    checks.fail = false;
    expect(await take(sampleBundle(9), release(9))).toEqual([]);
    goOn.resolve();
    await expect.poll(() => enforced, { timeout: 10_000 }).toEqual([2]);
  });

  it('is none that compiled here before: a whole state takes nothing away', async () => {
    const { take, store, sent, checks } = configLane();
    await take(sampleBundle(8), release(8));
    checks.fail = true;
    const position = { epoch: 1, rev: 2 };
    const taken = await store.swap({ ...arrival, position, carry: 'nothing' });
    expect(taken).toEqual({ kind: 'taken', refusals: [] });
    expect(sent.map(({ op }) => op)).toEqual(['bundle', 'release', 'bundle', 'release']);
  });
});
