import type { Lane, StateOp } from '@sallyport/shared/state/model';
import { describe, expect, it } from 'vitest';
import {
  createRootKey,
  sampleAssertionKey,
  sampleBundle,
  sampleCredentials,
  sampleDocuments,
  sampleSigningKey,
  sampleUser,
} from '../testing/sample-state.ts';
import type { StateMessage } from '../worker/messages.ts';
import type { StateChange } from './current.ts';
import { createWorkerState } from './worker-state.ts';

const edgeId = 'edg_1';
const root = createRootKey();
const ownKey = sampleAssertionKey('own');

function workerState(ring = 'default') {
  return createWorkerState({ edgeId, ring, credentials: sampleCredentials([ownKey]) });
}

let seq = 0;
function whole(lane: Lane, rev: number, ...ops: StateOp[]): StateMessage {
  seq += 1;
  return { type: 'rows', seq, lane, position: { epoch: 1, rev }, first: true, last: true, ops };
}
function frame(lane: Lane, rev: number, ...ops: StateOp[]): StateMessage {
  seq += 1;
  return { type: 'frame', seq, lane, position: { epoch: 1, rev }, ops };
}

const edgeKeys = {
  op: 'edge_keys',
  edgeId,
  region: 'eu',
  assertionJwks: [ownKey.publicJwk],
} as const;
const release = (version: number, ring = 'default') => ({ op: 'release', ring, version }) as const;
const config = [sampleBundle(1), sampleSigningKey(root), edgeKeys, release(1)] as const;

describe('the state of a worker', () => {
  it('is ready only when every lane, the release and all keys are there', () => {
    const state = workerState();
    expect(state.current.ready()).toBe(false);
    state.apply(whole('revoke', 1));
    state.apply(whole('directory', 1, sampleUser('usr_a')));
    expect(state.current.notReadyReasons()).toEqual([
      'config_missing',
      'release_missing',
      'statement_key_missing',
      'assertion_key_unpublished',
    ]);
    state.apply(whole('config', 1, ...config));
    expect(state.current.notReadyReasons()).toEqual([]);
    expect(state.current.revisions()).toEqual({
      revoke: { epoch: 1, rev: 1 },
      config: { epoch: 1, rev: 1 },
      directory: { epoch: 1, rev: 1 },
    });
  });

  it('shows nothing of a whole state until its last slice, then all of it', () => {
    const state = workerState();
    const { current } = state;
    state.apply(whole('directory', 1, sampleUser('usr_old')));
    const slice = { type: 'rows', lane: 'directory', position: { epoch: 1, rev: 9 } } as const;
    const first = state.apply({
      ...slice,
      seq: 1,
      first: true,
      last: false,
      ops: [sampleUser('usr_new')],
    });
    expect(first).toBeNull();
    expect([current.user('usr_old')?.id, current.user('usr_new')]).toEqual(['usr_old', null]);
    const last = state.apply({ ...slice, seq: 2, first: false, last: true, ops: [] });
    expect(last).toMatchObject({ lane: 'directory', subjects: null });
    expect([current.user('usr_old'), current.user('usr_new')?.id]).toEqual([null, 'usr_new']);
  });

  it('goes over to a released version whole, and says so once', () => {
    const state = workerState();
    state.apply(whole('config', 1, ...config));
    expect(state.current.bundle()?.routes.get('wiki')).toMatchObject({
      audience: 'https://wiki.corp.test',
      upstream: { origin: 'https://wiki.internal.test:8443', port: 8443 },
    });
    const put = state.apply(frame('config', 2, sampleBundle(2, sampleDocuments('other'))));
    expect([put?.bundleChanged, state.current.bundle()?.version]).toEqual([false, 1]);
    const live = state.apply(frame('config', 3, release(2)));
    expect([live?.bundleChanged, live?.subjects]).toEqual([true, null]);
    expect(state.current.bundle()?.version).toBe(2);
  });

  it('follows its own ring, and the default one where its ring has no release', () => {
    const state = workerState('canary');
    state.apply(whole('config', 1, ...config, sampleBundle(2, sampleDocuments('other'))));
    expect(state.current.bundle()?.version).toBe(1);
    state.apply(frame('config', 2, release(2, 'canary')));
    expect(state.current.bundle()?.version).toBe(2);
  });

  it('keeps the last good version when a new whole state has no release that it can use', () => {
    const state = workerState();
    state.apply(whole('config', 1, ...config));
    state.apply(whole('config', 9, sampleSigningKey(root), edgeKeys));
    expect(state.current.bundle()?.version).toBe(1);
  });

  it('signs with a key only once its public half is published', () => {
    const next = sampleAssertionKey('next');
    const state = workerState();
    state.apply(whole('config', 1, ...config));
    expect(state.current.assertionKey()?.kid).toBe('own');
    state.setCredentials(sampleCredentials([ownKey, next]));
    expect(state.current.assertionKey()?.kid).toBe('own');
    const both = { ...edgeKeys, assertionJwks: [ownKey.publicJwk, next.publicJwk] };
    state.apply(frame('config', 2, both));
    expect(state.current.assertionKey()?.kid).toBe('next');
    expect(state.current.jwks().keys.map(({ kid }) => kid)).toEqual(['own', 'next']);
    expect(JSON.stringify(state.current.jwks())).not.toContain('"d"');
    state.apply(frame('config', 3, { op: 'deleted_edge', edgeId }));
    expect(state.current.assertionKey()).toBeNull();
  });

  it('gives out a statement key only within its time', () => {
    const state = workerState();
    const key = { ...sampleSigningKey(root), notBeforeMs: 100, notAfterMs: 200 };
    state.apply(whole('config', 1, key));
    const live = [99, 100, 199, 200].map((now) => state.current.statementKey(key.keyId, now));
    expect(live.map((found) => found !== null)).toEqual([false, true, true, false]);
    expect(state.current.statementKey('another', 100)).toBeNull();
  });

  it('keeps its keys when new ones cannot be read', () => {
    const state = workerState();
    const ring = state.current.cookieRing();
    const broken = sampleCredentials([ownKey], Buffer.from('{"keys":[]}'));
    expect(() => state.setCredentials(broken)).toThrow(TypeError);
    expect(state.current.cookieRing()).toBe(ring);
  });

  it('tells whose facts a frame has changed', () => {
    const state = workerState();
    const changes: StateChange[] = [];
    state.current.onChange((change) => changes.push(change));
    state.apply(whole('directory', 1));
    state.apply(frame('directory', 2, sampleUser('usr_a')));
    expect(changes.map(({ subjects }) => subjects?.users)).toEqual([undefined, new Set(['usr_a'])]);
  });

  it('is not ready while the edge itself is blocked', () => {
    const state = workerState();
    for (const lane of ['revoke', 'directory'] as const) state.apply(whole(lane, 1));
    state.apply(whole('config', 1, ...config));
    const block = { kind: 'edge', subjectId: edgeId, expiresAtMs: null } as const;
    const change = state.apply(
      frame('revoke', 2, { op: 'block', revocationId: 'rev_1', ...block }),
    );
    expect([change?.subjects, state.current.notReadyReasons()]).toEqual([null, ['edge_blocked']]);
    state.apply(frame('revoke', 3, { op: 'lifted_block', revocationId: 'rev_1' }));
    expect(state.current.ready()).toBe(true);
  });

  it('leaves the keys of a blocked edge out of the JWKS, and changes it for nothing else', () => {
    const state = workerState();
    const other = sampleAssertionKey('other');
    const otherKeys = { ...edgeKeys, edgeId: 'edg_2', assertionJwks: [other.publicJwk] };
    const kids = () => state.current.jwks().keys.map(({ kid }) => kid);
    const block = (expiresAtMs: number | null, kind: 'edge' | 'user' = 'edge') =>
      ({ op: 'block', revocationId: 'rev_1', kind, subjectId: 'edg_2', expiresAtMs }) as const;
    state.apply(whole('config', 1, ...config, otherKeys));
    state.apply(whole('revoke', 1));
    const all = state.current.jwks();
    expect(kids()).toEqual(['own', 'other']);
    state.apply(frame('revoke', 2, block(null, 'user')));
    state.apply(frame('config', 2, otherKeys));
    state.sweep(Date.now());
    expect(state.current.jwks()).toBe(all);
    state.apply(frame('revoke', 3, block(null)));
    expect(kids()).toEqual(['own']);
    state.apply(frame('config', 3, otherKeys));
    expect(kids()).toEqual(['own']);
    state.apply(frame('revoke', 4, { op: 'lifted_block', revocationId: 'rev_1' }));
    expect(kids()).toEqual(['own', 'other']);
    state.apply(frame('revoke', 5, block(Date.now() + 60_000)));
    const blocked = state.current.jwks();
    state.sweep(Date.now());
    expect([kids(), state.current.jwks() === blocked]).toEqual([['own'], true]);
    state.sweep(Date.now() + 61_000);
    expect(kids()).toEqual(['own', 'other']);
    state.apply(whole('revoke', 9, block(null)));
    expect(kids()).toEqual(['own']);
  });

  it('lets a sign-in wait for the position that its user needs', async () => {
    const state = workerState();
    state.apply(whole('directory', 4));
    const { current } = state;
    const waiting = current.reached('directory', { epoch: 1, rev: 5 }, 2_000);
    state.apply(frame('directory', 5, sampleUser('usr_a')));
    expect(await waiting).toBe(true);
    expect(await current.reached('directory', { epoch: 1, rev: 5 }, 2_000)).toBe(true);
    expect(await current.reached('directory', { epoch: 1, rev: 6 }, 5)).toBe(false);
  });
});
