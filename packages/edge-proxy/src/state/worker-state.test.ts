import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import type { StateOp } from '@sallyport/shared/state/model';
import { describe, expect, it } from 'vitest';
import { createLocalState } from '../testing/local-state.ts';
import {
  createRootKey,
  sampleAssertionKey,
  sampleBundle,
  sampleCredentials,
  sampleDocuments,
  sampleSigningKey,
  sampleUser,
} from '../testing/sample-state.ts';
import type { StateChange } from './current.ts';
import { unknownAgeMs } from './lane-ages.ts';

const edgeId = 'edg_1';
const root = createRootKey();
const ownKey = sampleAssertionKey('own');

function workerState(labels: Readonly<Record<string, string>> = {}, clock = Date.now) {
  const local = createLocalState({
    edgeId,
    labels,
    credentials: sampleCredentials([ownKey]),
    clock,
  });
  return { ...local, current: local.state.current };
}

const edgeKeys = {
  op: 'edge_keys',
  edgeId,
  region: 'eu',
  assertionJwks: [ownKey.publicJwk],
} as const;
const release = (version: number, ring = 'default', shadowVersion: number | null = null) =>
  ({ op: 'release', ring, version, shadowVersion }) as const;

/** Documents whose settings have these rings, by name and the labels of their edges. */
function withRings(rings: Readonly<Record<string, Record<string, string>>>, group?: string) {
  return sampleDocuments(group).map((document): ConfigurationDocument => {
    if (document.kind !== 'Settings') return document;
    const rollout = {
      rings: Object.entries(rings).map(([name, matchLabels]) => ({
        name,
        edges: { matchLabels },
        bake: '10m',
      })),
    };
    return { ...document, spec: { ...document.spec, rollout } };
  });
}
/** Whose policy looks at a header. */
function headerDocuments(): ConfigurationDocument[] {
  return sampleDocuments().map((document): ConfigurationDocument => {
    if (document.kind !== 'Policy') return document;
    const headers = [{ name: 'x-role', is: ['admin'] }];
    return { ...document, spec: { allow: [{ name: 'members', groups: ['a'], headers }] } };
  });
}

const config = [sampleBundle(1), sampleSigningKey(root), edgeKeys, release(1)] as const;

const block = (kind: 'user' | 'device', subjectId: string) =>
  ({ op: 'block', revocationId: 'rev_1', kind, subjectId, expiresAtMs: null }) as const;

describe('the state of a worker', () => {
  it('is ready only when every lane, the release and all keys are there', () => {
    const state = workerState();
    expect(state.current.ready()).toBe(false);
    state.apply('revoke');
    state.apply('directory', sampleUser('usr_a'));
    expect(state.current.notReadyReasons()).toEqual([
      'signals_missing',
      'config_missing',
      'release_missing',
      'statement_key_missing',
      'assertion_key_unpublished',
    ]);
    state.apply('signals');
    state.apply('config', ...config);
    expect(state.current.notReadyReasons()).toEqual([]);
    expect(state.current.revisions()).toEqual({
      revoke: { epoch: 1, rev: 1 },
      signals: { epoch: 1, rev: 1 },
      config: { epoch: 1, rev: 1 },
      directory: { epoch: 1, rev: 1 },
    });
  });

  it('answers from the tables at once, whoever has not been told yet', () => {
    const { current, tables, apply } = workerState();
    apply('revoke');
    const before = current.revisions();
    tables.rows.revoke.apply([block('user', 'usr_a')]);
    tables.rows.directory.apply([sampleUser('usr_a')]);
    expect(current.block('user', 'usr_a', 0)).toBe(true);
    expect(current.user('usr_a')?.groups).toEqual(['employees']);
    expect(current.revisions()).toEqual(before);
  });

  it('enforces what is denied beside the rows of the lane, too', () => {
    const { current, tables, apply } = workerState();
    apply('revoke', { op: 'generation', scope: 'user', subjectId: 'usr_a', value: 2 });
    tables.carried.apply([
      { op: 'generation', scope: 'user', subjectId: 'usr_a', value: 5 },
      { op: 'ended_session', sid: 'ses_1', expiresAtMs: 9 },
      block('device', 'dev_1'),
    ]);
    expect(current.generations('usr_a', null)).toEqual({ global: 0, user: 5, device: 0 });
    expect(current.isSessionEnded('ses_1')).toBe(true);
    expect(current.block('device', 'dev_1', 0)).toBe(true);
    expect(current.lockdown(0)).toBe(false);
  });

  it('gives the signals of a subject that have not expired', () => {
    const { current, apply } = workerState();
    const signal = (name: string, expiresAtMs: number) =>
      ({
        op: 'signal',
        subject: 'user',
        subjectId: 'usr_a',
        name,
        value: 'high',
        observedAtMs: 1,
        expiresAtMs,
      }) as const;
    const change = apply('signals', signal('risk', 100), signal('place', 50));
    expect(change.subjects).toBeNull();
    expect(current.signals('user', 'usr_a', 60).map(({ name }) => name)).toEqual(['risk']);
    const deleted = { op: 'deleted_signal', subject: 'user', subjectId: 'usr_a', name: 'risk' };
    const next = apply('signals', deleted as StateOp);
    expect(next.subjects?.users).toEqual(new Set(['usr_a']));
    expect(current.signals('user', 'usr_a', 60)).toEqual([]);
  });

  it('says how old each lane is, rounded up, and as old as can be where nobody knows', () => {
    const { current, setAge } = workerState();
    setAge('revoke', 60_000);
    setAge('directory', null);
    const { revokeMs, directoryMs, configMs } = current.staleness();
    expect(revokeMs).toBeGreaterThanOrEqual(60_000);
    expect(revokeMs).toBeLessThan(70_000);
    expect(configMs).toBeLessThan(10_000);
    expect(directoryMs).toBe(unknownAgeMs);
    expect(JSON.parse(JSON.stringify(directoryMs))).toBe(directoryMs);
  });

  it('goes over to a released version whole, and says so once', () => {
    const state = workerState();
    state.apply('config', ...config);
    expect(state.current.bundle()?.routes.get('wiki')).toMatchObject({
      audience: 'https://wiki.corp.test',
      upstream: { way: { targets: [{ origin: 'https://wiki.internal.test:8443', port: 8443 }] } },
    });
    const put = state.apply('config', sampleBundle(2, sampleDocuments('other')));
    expect([put.bundleChanged, state.current.bundle()?.version]).toEqual([false, 1]);
    const live = state.apply('config', release(2));
    expect([live.bundleChanged, live.subjects]).toEqual([true, null]);
    expect(state.current.bundle()?.version).toBe(2);
  });

  it('follows its own ring, and the default one where its ring has no release', () => {
    const [, ...rest] = config;
    const documents = withRings({ canary: { ring: 'canary' } });
    const state = workerState({ ring: 'canary' });
    state.apply('config', sampleBundle(1, documents), ...rest);
    state.apply('config', sampleBundle(2, withRings({}, 'other')));
    expect(state.current.bundle()?.version).toBe(1);
    state.apply('config', release(2, 'canary'));
    // Version 2 itself has no rings: those of the version of `default` count.
    expect(state.current.bundle()?.version).toBe(2);
    state.apply('config', release(1, 'canary'));
    expect(state.current.bundle()?.version).toBe(1);
  });

  it.each([
    ['all labels of the first ring', { ring: 'canary', region: 'eu' }, 2],
    ['a label beside them', { ring: 'canary', region: 'eu', rack: '7' }, 2],
    ['those of two rings: the first', { ring: 'canary', region: 'eu', stage: 'early' }, 2],
    ['those of the second ring alone', { stage: 'early' }, 3],
    ['only one of two labels', { ring: 'canary' }, 1],
    ['another value', { ring: 'Canary', region: 'eu' }, 1],
    ['none', {}, 1],
    ['those of a ring without a release', { stage: 'late' }, 1],
  ])('is in a ring by its labels: %s', (_title, labels, version) => {
    const [, ...rest] = config;
    const rings = {
      canary: { ring: 'canary', region: 'eu' },
      early: { stage: 'early' },
      late: { stage: 'late' },
    };
    const state = workerState(labels);
    state.apply('config', sampleBundle(1, withRings(rings)), ...rest);
    state.apply(
      'config',
      sampleBundle(2, withRings(rings, 'two')),
      sampleBundle(3, withRings(rings, 'three')),
      release(2, 'canary'),
      release(3, 'early'),
    );
    expect(state.current.bundle()?.version).toBe(version);
  });

  it('moves to another ring with the version of the default ring alone', () => {
    const [, ...rest] = config;
    const state = workerState({ ring: 'canary' });
    state.apply('config', sampleBundle(1, withRings({ canary: { ring: 'canary' } })), ...rest);
    const none = sampleBundle(2, withRings({}, 'two'));
    state.apply('config', none, release(2, 'canary'));
    expect(state.current.bundle()?.version).toBe(2);
    const third = sampleBundle(3, withRings({}, 'three'));
    const { bundleChanged } = state.apply('config', third, release(3));
    expect([bundleChanged, state.current.bundle()?.version]).toEqual([true, 3]);
  });

  it('holds a shadow beside the live version, for which nothing is decided again', () => {
    const state = workerState();
    state.apply('config', ...config);
    expect(state.current.bundle()?.shadow).toBeNull();
    // A shadow may come before its version, and the other way round.
    expect(state.apply('config', release(1, 'default', 2)).bundleChanged).toBe(false);
    expect(state.current.bundle()?.shadow).toBeNull();
    const { bundleChanged, subjects } = state.apply('config', sampleBundle(2, headerDocuments()));
    expect([bundleChanged, subjects?.users.size]).toEqual([false, 0]);
    const bundle = state.current.bundle();
    expect([bundle?.version, bundle?.shadow?.version]).toEqual([1, 2]);
    expect([bundle?.policy.headerNames, bundle?.headerNames]).toEqual([[], ['x-role']]);
    state.apply('config', sampleBundle(3, sampleDocuments('three')));
    expect(state.current.bundle()).toBe(bundle);
    state.apply('config', release(1));
    expect(state.current.bundle()).toMatchObject({ version: 1, shadow: null, headerNames: [] });
  });

  it('keeps the last good version when a new whole state has no release that it can use', () => {
    const state = workerState();
    state.apply('config', ...config);
    const ops = [sampleSigningKey(root), edgeKeys];
    const position = { epoch: 1, rev: 9 };
    state.state.apply({ type: 'config', seq: 9, position, whole: true, ops });
    expect(state.current.bundle()?.version).toBe(1);
  });

  it('signs with a key only once its public half is published', () => {
    const next = sampleAssertionKey('next');
    const state = workerState();
    state.apply('config', ...config);
    expect(state.current.assertionKey()?.kid).toBe('own');
    state.state.setCredentials(sampleCredentials([ownKey, next]));
    expect(state.current.assertionKey()?.kid).toBe('own');
    const both = { ...edgeKeys, assertionJwks: [ownKey.publicJwk, next.publicJwk] };
    state.apply('config', both);
    expect(state.current.assertionKey()?.kid).toBe('next');
    expect(state.current.jwks().keys.map(({ kid }) => kid)).toEqual(['own', 'next']);
    expect(JSON.stringify(state.current.jwks())).not.toContain('"d"');
    state.apply('config', { op: 'deleted_edge', edgeId });
    expect(state.current.assertionKey()).toBeNull();
  });

  it('gives out a statement key only within its time', () => {
    const state = workerState();
    const key = { ...sampleSigningKey(root), notBeforeMs: 100, notAfterMs: 200 };
    state.apply('config', key);
    const live = [99, 100, 199, 200].map((now) => state.current.statementKey(key.keyId, now));
    expect(live.map((found) => found !== null)).toEqual([false, true, true, false]);
    expect(state.current.statementKey('another', 100)).toBeNull();
    const gone = state.apply('config', { op: 'deleted_signing_key', keyId: key.keyId });
    expect(gone.subjects).toBeNull();
    expect(state.current.statementKey(key.keyId, 100)).toBeNull();
  });

  it('keeps its keys when new ones cannot be read', () => {
    const state = workerState();
    const ring = state.current.cookieRing();
    const broken = sampleCredentials([ownKey], Buffer.from('{"keys":[]}'));
    expect(() => state.state.setCredentials(broken)).toThrow(TypeError);
    expect(state.current.cookieRing()).toBe(ring);
  });

  it('tells whose facts a frame has changed', () => {
    const state = workerState();
    const changes: StateChange[] = [];
    state.current.onChange((change) => changes.push(change));
    state.apply('directory');
    state.apply('directory', sampleUser('usr_a'));
    expect(changes.map(({ subjects }) => subjects?.users)).toEqual([undefined, new Set(['usr_a'])]);
  });

  it('is not ready while the edge itself is blocked', () => {
    const state = workerState();
    for (const lane of ['revoke', 'signals', 'directory'] as const) state.apply(lane);
    state.apply('config', ...config);
    const block = { kind: 'edge', subjectId: edgeId, expiresAtMs: null } as const;
    const change = state.apply('revoke', { op: 'block', revocationId: 'rev_1', ...block });
    expect([change.subjects, state.current.notReadyReasons()]).toEqual([null, ['edge_blocked']]);
    state.apply('revoke', {
      op: 'lifted_block',
      revocationId: 'rev_1',
      kind: 'edge',
      subjectId: edgeId,
    });
    expect(state.current.ready()).toBe(true);
  });

  it('says which lanes are so old that nobody passes on any route, and is ready all the same', () => {
    const state = workerState();
    for (const lane of ['revoke', 'signals', 'directory'] as const) state.apply(lane);
    const hourMs = 3_600_000;
    state.setAge('revoke', hourMs);
    // Before there are rules nobody knows.
    expect(state.state.tooOld()).toEqual([]);
    state.apply('config', ...config);
    expect([state.state.tooOld(), state.current.ready()]).toEqual([['state_too_old:revoke'], true]);
    state.setAge('revoke', hourMs - 60_000);
    state.setAge('config', 1_000 * hourMs);
    expect(state.state.tooOld()).toEqual([]);
    const [settings, ...others] = sampleDocuments();
    const route = others.find(({ kind }) => kind === 'Route');
    if (settings?.kind !== 'Settings' || route?.kind !== 'Route') throw new Error('no documents');
    const match = [{ host: 'open.corp.test' }];
    const serving = { ...route.spec, match, staleness: { revoke: 'serve' as const } };
    const open = { ...route, metadata: { name: 'open' }, spec: serving };
    const staleness = { config: { denyAfter: '40d' } };
    const strict = { ...settings, spec: { ...settings.spec, staleness } };
    state.apply('config', sampleBundle(2, [strict, ...others, open]), release(2));
    state.setAge('revoke', 9 * hourMs);
    expect(state.state.tooOld()).toEqual(['state_too_old:config']);
  });

  it('leaves the keys of a blocked edge out of the JWKS, and changes it for nothing else', () => {
    const state = workerState();
    const other = sampleAssertionKey('other');
    const otherKeys = { ...edgeKeys, edgeId: 'edg_2', assertionJwks: [other.publicJwk] };
    const kids = () => state.current.jwks().keys.map(({ kid }) => kid);
    const block = (expiresAtMs: number | null, kind: 'edge' | 'user' = 'edge') =>
      ({ op: 'block', revocationId: 'rev_1', kind, subjectId: 'edg_2', expiresAtMs }) as const;
    state.apply('config', ...config, otherKeys);
    state.apply('revoke');
    const all = state.current.jwks();
    expect(kids()).toEqual(['own', 'other']);
    state.apply('revoke', block(null, 'user'));
    state.apply('config', otherKeys);
    state.state.look(Date.now());
    expect(state.current.jwks()).toBe(all);
    state.apply('revoke', block(null));
    expect(kids()).toEqual(['own']);
    state.apply('config', otherKeys);
    expect(kids()).toEqual(['own']);
    state.apply('revoke', {
      op: 'lifted_block',
      revocationId: 'rev_1',
      kind: 'edge',
      subjectId: 'edg_2',
    });
    expect(kids()).toEqual(['own', 'other']);
    state.apply('revoke', block(Date.now() + 60_000));
    const blocked = state.current.jwks();
    state.state.look(Date.now());
    expect([kids(), state.current.jwks() === blocked]).toEqual([['own'], true]);
    state.state.look(Date.now() + 61_000);
    expect(kids()).toEqual(['own', 'other']);
  });

  it('lets a sign-in wait for the position that its user needs', async () => {
    const state = workerState();
    state.apply('directory');
    const { current } = state;
    const waiting = current.reached('directory', { epoch: 1, rev: 2 }, 2_000);
    state.apply('directory', sampleUser('usr_a'));
    expect(await waiting).toBe(true);
    expect(await current.reached('directory', { epoch: 1, rev: 2 }, 2_000)).toBe(true);
    expect(await current.reached('directory', { epoch: 1, rev: 3 }, 5)).toBe(false);
  });
});
