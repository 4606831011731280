import { X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '@sallyport/shared/log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EdgeConfig } from '../config.ts';
import { Arrivals } from '../testing/arrivals.ts';
import { createRootKey, secretRef } from '../testing/sample-state.ts';
import { ScriptedControlPlane, type ScriptedOptions } from '../testing/scripted-control-plane.ts';
import { ControlChannel } from './control-channel.ts';
import { type EdgeIdentity, isExpired, renewalDueAtMs } from './identity.ts';
import { IdentityFileError, identityPath, readIdentity, writeIdentity } from './identity-file.ts';
import { joinEdge } from './join.ts';
import { localKey } from './local-key.ts';
import { ownIdentity } from './own-identity.ts';
import { keepRenewed, renew } from './renew.ts';
import { SecretKeeper, type SecretKeeperOptions } from './secrets.ts';

const log = createLog('error', {}, () => undefined);
const root = createRootKey();
let home: string;
let plane: ScriptedControlPlane;
let channel: ControlChannel;

async function start(options: ScriptedOptions = {}): Promise<void> {
  plane = await ScriptedControlPlane.start({ root, ...options });
  channel = new ControlChannel([plane.target], {
    caPem: plane.authority.certificatePem,
    client: null,
  });
}

function joined(token = plane.joinToken): Promise<EdgeIdentity> {
  const { signal } = new AbortController();
  return joinEdge({ channel, token, region: 'eu', labels: { ring: 'canary' }, log, signal });
}

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sallyport-edge-'));
});
afterEach(async () => {
  channel.close();
  plane.close();
  await rm(home, { recursive: true });
});

describe('joining', () => {
  it('gets certificates for keys that never leave, and pins the root key', async () => {
    await start();
    const identity = await joined();
    expect(identity).toMatchObject({
      edgeId: plane.edgeId,
      trustDomain: 'corp.test',
      labels: { ring: 'canary' },
      rootPublicKey: root.publicKey,
    });
    const certificate = new X509Certificate(identity.control.certificatePem);
    expect(certificate.subjectAltName).toBe(`URI:spiffe://corp.test/edge/${plane.edgeId}`);
    const [request] = plane.joins.all;
    expect(request).toMatchObject({ region: 'eu', labels: { ring: 'canary' } });
    expect(JSON.stringify(request?.assertionJwks)).not.toContain('\\"d\\"');
  });

  it('waits for a control plane that cannot be reached, and gives up when it is refused', async () => {
    await start();
    plane.close();
    const joining = joined();
    await plane.open();
    expect((await joining).edgeId).toBe(plane.edgeId);
    await expect(joined('sp_join_other')).rejects.toThrow('the join token is not valid');
  });

  it('waits for a control plane to which too many come at once', async () => {
    await start();
    plane.joinsPutOff = 2;
    expect((await joined()).edgeId).toBe(plane.edgeId);
    expect(plane.joins.all).toHaveLength(3);
  });

  it('refuses certificates that name another edge', async () => {
    await start();
    plane.certificatesName = 'edg_other';
    await expect(joined()).rejects.toThrow('does not name the edge');
  });
});

describe('the identity file', () => {
  it('gives back what was stored, readable by its owner alone', async () => {
    await start();
    const identity = await joined();
    await writeIdentity(home, identity);
    expect((await stat(identityPath(home))).mode & 0o777).toBe(0o600);
    const stored = await readIdentity(home);
    expect(stored).toEqual(identity);
    expect(await readdir(home)).toEqual(['identity.json']);
  });

  it('keeps the labels that the edge joined with, whatever it is told later', async () => {
    await start();
    const identity = await joined();
    await writeIdentity(home, identity);
    const lines: string[] = [];
    const config = { home, labels: { ring: 'other' } } as unknown as EdgeConfig;
    const again = await ownIdentity({
      config,
      clock: () => Date.now(),
      log: createLog('info', {}, (line) => lines.push(line)),
      signal: new AbortController().signal,
    });
    expect(again.labels).toEqual({ ring: 'canary' });
    expect(lines.join('')).toContain('identity.labels_kept');
  });

  it('is refused when others may read it or when it is broken; absent, it is no identity', async () => {
    await start();
    expect(await readIdentity(home)).toBeNull();
    await writeFile(identityPath(home), '{"format":1}', { mode: 0o600 });
    await expect(readIdentity(home)).rejects.toThrow(IdentityFileError);
    await writeIdentity(home, await joined());
    await chmod(identityPath(home), 0o640);
    await expect(readIdentity(home)).rejects.toThrow('chmod 600');
  });
});

describe('renewal', () => {
  it('is due at two thirds of the life of the certificates', async () => {
    await start();
    plane.certificateLifeMs = 3_600_000;
    const identity = await joined();
    const { notBeforeMs, notAfterMs } = lifeOf(identity);
    const due = renewalDueAtMs(identity);
    expect((due - notBeforeMs) / (notAfterMs - notBeforeMs)).toBeCloseTo(2 / 3, 3);
    expect([isExpired(identity, notAfterMs - 1), isExpired(identity, notAfterMs)]).toEqual([
      false,
      true,
    ]);
  });

  it('makes new keys, and keeps the assertion key before until the new one is published', async () => {
    await start();
    const identity = await joined();
    const renewed = await renew(channel, identity);
    expect(renewed.serial).toBe(2);
    expect(renewed.rootPublicKey).toBe(identity.rootPublicKey);
    expect(renewed.control.privateKeyPem).not.toBe(identity.control.privateKeyPem);
    expect(renewed.assertionKeys).toHaveLength(2);
    expect(renewed.assertionKeys[0]).toEqual(identity.assertionKeys[0]);
    const again = await renew(channel, renewed);
    expect(again.assertionKeys.map(({ kid }) => kid)).toContain(renewed.assertionKeys[1]?.kid);
    expect(again.assertionKeys).toHaveLength(2);
  });

  it('happens by itself when it is due, and again after it has failed', async () => {
    await start();
    const identity = await joined();
    // What is issued from now on is due later.
    const second = () => Math.floor(Date.now() / 1_000);
    const issuedIn = second();
    await expect.poll(second, { timeout: 5_000 }).toBeGreaterThan(issuedIn);
    const stopping = new AbortController();
    const renewed = new Arrivals<EdgeIdentity>();
    let failures = 1;
    const keeping = keepRenewed({
      channel,
      identity,
      onRenewed: (next) => {
        failures -= 1;
        if (failures === 0) return Promise.reject(new Error('the disk is full'));
        renewed.push(next);
        return Promise.resolve();
      },
      clock: () => (renewed.all.length === 0 ? renewalDueAtMs(identity) : 0),
      log,
      signal: stopping.signal,
    });
    const next = await renewed.next();
    expect(next.edgeId).toBe(identity.edgeId);
    stopping.abort();
    await keeping;
  });
});

describe('secrets', () => {
  const value = Buffer.from('the value of the ring');
  const references = (of: Uint8Array) => new Map([['cookie-ring', secretRef('cookie-ring', of)]]);

  async function keeper(options: Partial<SecretKeeperOptions> = {}) {
    const values = new Arrivals<ReadonlyMap<string, Uint8Array>>();
    const stopping = new AbortController();
    const keeping = await SecretKeeper.open({
      home,
      key: await localKey(home),
      channel,
      onValues: (next) => values.push(next),
      log,
      signal: stopping.signal,
      ...options,
    });
    const complete: boolean[] = [];
    keeping.onComplete = (here) => complete.push(here);
    return { keeping, values, stopping, complete };
  }

  it('are fetched when a reference changes, stored encrypted and not fetched again', async () => {
    await start();
    plane.secrets.set('cookie-ring', value);
    const first = await keeper();
    first.keeping.want(references(value));
    expect((await first.values.next()).get('cookie-ring')).toEqual(value);
    const files = (await readdir(home)).toSorted();
    expect(files).toEqual(['local.key', 'secrets.sealed']);
    for (const file of files) {
      expect((await stat(join(home, file))).mode & 0o777).toBe(0o600);
      expect((await readFile(join(home, file))).includes(value)).toBe(false);
    }
    const second = await keeper();
    second.keeping.want(references(value));
    expect((await second.values.next()).get('cookie-ring')).toEqual(value);
    expect(plane.secretRequests.all).toHaveLength(1);
  });

  it('are not believed when their hash is another, and asked for again', async () => {
    await start();
    plane.secrets.set('cookie-ring', Buffer.from('something else'));
    const { keeping, values, stopping } = await keeper();
    keeping.want(references(value));
    await plane.secretRequests.next();
    await plane.secretRequests.next();
    expect(values.all).toEqual([]);
    plane.secrets.set('cookie-ring', value);
    expect((await values.next()).get('cookie-ring')).toEqual(value);
    stopping.abort();
  });

  it('are fetched anew when the file cannot be opened', async () => {
    await start();
    plane.secrets.set('cookie-ring', value);
    await writeFile(join(home, 'secrets.sealed'), 'broken', { mode: 0o600 });
    const { keeping, values } = await keeper();
    keeping.want(references(value));
    expect((await values.next()).get('cookie-ring')).toEqual(value);
  });

  it('are taken back at once when the state refers to them no longer', async () => {
    await start();
    plane.secrets.set('cookie-ring', value);
    const { keeping, values, complete } = await keeper();
    keeping.want(references(value));
    await values.next();
    expect(complete).toEqual([false, true]);
    keeping.want(new Map());
    expect(values.all.at(-1)).toEqual(new Map());
    expect(complete.at(-1)).toBe(true);
  });

  it('are used on for a bounded while when the next value cannot be had, and then no more', async () => {
    await start();
    plane.secrets.set('cookie-ring', value);
    const { keeping, values, complete, stopping } = await keeper({ overlapMs: 100 });
    keeping.want(references(value));
    await values.next();
    const next = Buffer.from('the next value of the ring');
    keeping.want(references(next));
    expect(complete.at(-1)).toBe(false);
    // Another reference meanwhile does not make the while longer.
    keeping.want(references(Buffer.from('one more')));
    keeping.want(references(next));
    expect(values.all).toHaveLength(1);
    expect((await values.next()).size).toBe(0);
    expect(complete.at(-1)).toBe(false);
    plane.secrets.set('cookie-ring', next);
    expect((await values.next()).get('cookie-ring')).toEqual(next);
    expect(complete.at(-1)).toBe(true);
    stopping.abort();
  });

  it('that nobody can use do not count as here', async () => {
    await start();
    plane.secrets.set('cookie-ring', value);
    const { keeping, complete, stopping } = await keeper({
      onValues: (next) => {
        if (next.size > 0) throw new TypeError('not a ring');
      },
    });
    keeping.want(references(value));
    await plane.secretRequests.next();
    await plane.secretRequests.next();
    expect(complete).not.toContain(true);
    stopping.abort();
  });

  it('that an edge has no use for are never asked for', async () => {
    await start();
    plane.secrets.set('cookie-ring', value);
    const { keeping, values } = await keeper();
    keeping.want(new Map([...references(value), ['other', secretRef('other', value)]]));
    await values.next();
    expect(plane.secretRequests.all.map(({ ids }) => ids)).toEqual([['cookie-ring']]);
  });
});

function lifeOf(identity: EdgeIdentity): { notBeforeMs: number; notAfterMs: number } {
  const { validFromDate, validToDate } = new X509Certificate(identity.control.certificatePem);
  return { notBeforeMs: validFromDate.getTime(), notAfterMs: validToDate.getTime() };
}
