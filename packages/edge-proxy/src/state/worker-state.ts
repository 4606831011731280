import { EventEmitter } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import type { RevisionVector } from '@sallyport/shared/access-record';
import { type Clock, systemClock } from '@sallyport/shared/clock';
import type { Lane, Position } from '@sallyport/shared/state/model';
import type { JWK } from 'jose';
import type { StateMessage, WorkerCredentials } from '../worker/messages.ts';
import { releasedVersion } from './2-store/config-table.ts';
import { readAssertionKey, readCookieRing } from './2-store/credentials.ts';
import {
  applyFrame,
  applyRows,
  createLaneStores,
  isStoredLane,
  type LaneStores,
  storedLanes,
} from './2-store/lane-store.ts';
import { isBlocked, sweepRevokeTable } from './2-store/revoke-table.ts';
import { changedSubjects, createSubjectSets } from './2-store/subjects.ts';
import type { AssertionKey, CookieRing, CurrentState, LiveBundle, StateChange } from './current.ts';
import { reachesPosition } from './position.ts';

const reachedWaitMsMax = 2_000;
const sweepRowsAtATime = 5_000;

export interface WorkerStateOptions {
  readonly edgeId: string;
  /** Ring of releases that this edge follows; `default` where it has none of its own. */
  readonly ring: string;
  readonly credentials: WorkerCredentials;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/** The state of one worker: the writing side. Requests see only `current`. */
export interface WorkerState {
  readonly current: CurrentState;
  /** Applies one message, at once; the change, or null while a whole state is still arriving. */
  apply(message: StateMessage): StateChange | null;
  /** Throws, changing nothing, if a key cannot be read. */
  setCredentials(credentials: WorkerCredentials): void;
  /** Forgets a bounded number of rows whose time has passed; readiness may change with time too. */
  sweep(nowMs: number): void;
}

export function createWorkerState(options: WorkerStateOptions): WorkerState {
  return new TableState(options);
}

class TableState implements WorkerState, CurrentState {
  readonly current: CurrentState = this;
  readonly #options: WorkerStateOptions;
  readonly #stores: LaneStores = createLaneStores();
  readonly #events = new EventEmitter<{
    change: [StateChange];
    credentials: [];
    position: [];
  }>();
  #credentials: WorkerCredentials;
  #cookieRing: CookieRing | null = null;
  #ownKeys: readonly AssertionKey[] = [];
  #assertionKey: AssertionKey | null = null;
  #bundle: LiveBundle | null = null;
  #jwks: { readonly keys: readonly JWK[] } = { keys: [] };
  /** Edges whose keys are left out of the JWKS, as one text. */
  #blockedEdges = '';
  #notReady: readonly string[] = [];
  #revisions: RevisionVector = {};

  constructor(options: WorkerStateOptions) {
    this.#options = options;
    this.#credentials = options.credentials;
    // One listener for each sign-in that waits for its user's row.
    this.#events.setMaxListeners(0);
    this.#readCredentials(options.credentials);
    this.#refresh();
  }

  // The writing side.

  apply(message: StateMessage): StateChange | null {
    const { lane, position } = message;
    if (!isStoredLane(lane)) return null;
    const changed = createSubjectSets();
    const before = this.#bundle;
    if (message.type === 'frame') {
      applyFrame(this.#stores, lane, position, message.ops, changed);
    } else if (!applyRows(this.#stores, lane, message, changed)) {
      return null;
    }
    if (lane === 'config') this.#readConfig();
    this.#refresh();
    const bundleChanged = this.#bundle !== before;
    if (bundleChanged) changed.everyone = true;
    const change = { lane, position, bundleChanged, subjects: changedSubjects(changed) };
    this.#events.emit('position');
    this.#events.emit('change', change);
    return change;
  }

  setCredentials(credentials: WorkerCredentials): void {
    this.#readCredentials(credentials);
    this.#refresh();
    this.#events.emit('credentials');
  }

  sweep(nowMs: number): void {
    sweepRevokeTable(this.#stores.revoke.table, nowMs, sweepRowsAtATime);
    this.#refresh(nowMs);
  }

  // What requests see.

  ready(): boolean {
    return this.#notReady.length === 0;
  }

  notReadyReasons(): readonly string[] {
    return this.#notReady;
  }

  bundle(): LiveBundle | null {
    return this.#bundle;
  }

  deviceByCertificate(sha256: string): ReturnType<CurrentState['deviceByCertificate']> {
    return this.#stores.directory.table.certificates.get(sha256) ?? null;
  }

  device(id: string): ReturnType<CurrentState['device']> {
    return this.#stores.directory.table.devices.get(id) ?? null;
  }

  user(id: string): ReturnType<CurrentState['user']> {
    return this.#stores.directory.table.users.get(id) ?? null;
  }

  generations(userId: string, deviceId: string | null): ReturnType<CurrentState['generations']> {
    const { table } = this.#stores.revoke;
    return {
      global: table.globalGeneration,
      user: table.userGenerations.get(userId) ?? 0,
      device: deviceId === null ? 0 : (table.deviceGenerations.get(deviceId) ?? 0),
    };
  }

  isSessionEnded(sid: string): boolean {
    return this.#stores.revoke.table.endedSessions.has(sid);
  }

  block(...[kind, subjectId, nowMs]: Parameters<CurrentState['block']>): boolean {
    return isBlocked(this.#stores.revoke.table, kind, subjectId, nowMs);
  }

  lockdown(nowMs: number): boolean {
    return isBlocked(this.#stores.revoke.table, 'everyone', '', nowMs);
  }

  statementKey(keyId: string, nowMs: number): ReturnType<CurrentState['statementKey']> {
    const row = this.#stores.config.table.statementKeys.get(keyId);
    if (row === undefined || nowMs < row.notBeforeMs || nowMs >= row.notAfterMs) return null;
    return row;
  }

  cookieRing(): CookieRing | null {
    return this.#cookieRing;
  }

  assertionKey(): AssertionKey | null {
    return this.#assertionKey;
  }

  jwks(): { readonly keys: readonly JWK[] } {
    return this.#jwks;
  }

  upstreamCredentials(): ReturnType<CurrentState['upstreamCredentials']> {
    return this.#credentials.upstream;
  }

  serverCertificates(): ReturnType<CurrentState['serverCertificates']> {
    return this.#credentials.serverCertificates;
  }

  revisions(): RevisionVector {
    return this.#revisions;
  }

  reached(lane: Lane, position: Position, timeoutMs: number): Promise<boolean> {
    const isReached = () =>
      isStoredLane(lane) && reachesPosition(this.#stores[lane].position, position);
    if (isReached()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (reached: boolean) => {
        clearTimeout(timer);
        this.#events.off('position', look);
        resolve(reached);
      };
      const look = () => {
        if (isReached()) settle(true);
      };
      const timer = setTimeout(() => settle(isReached()), Math.min(timeoutMs, reachedWaitMsMax));
      this.#events.on('position', look);
    });
  }

  onChange(listener: (change: StateChange) => void): void {
    this.#events.on('change', listener);
  }

  onCredentialsChange(listener: () => void): void {
    this.#events.on('credentials', listener);
  }

  // What is kept beside the rows so that nothing is computed on a request.

  #readCredentials(credentials: WorkerCredentials): void {
    const { cookieRing, assertionKeys } = credentials;
    const ring = cookieRing === null ? null : readCookieRing(cookieRing);
    const ownKeys = assertionKeys.map(readAssertionKey);
    this.#cookieRing = ring;
    this.#ownKeys = ownKeys;
    this.#credentials = credentials;
    this.#chooseAssertionKey();
  }

  #readConfig(): void {
    const { table } = this.#stores.config;
    const version = releasedVersion(table.releases, this.#options.ring);
    // Without a usable release the last good version goes on.
    this.#bundle = (version === null ? null : table.bundles.get(version)?.live) ?? this.#bundle;
    this.#publishKeys();
    this.#chooseAssertionKey();
  }

  /** A key signs only when its public half is published, so that whoever verifies can know it. */
  #chooseAssertionKey(): void {
    const published = this.#stores.config.table.edgeKeys.get(this.#options.edgeId) ?? [];
    const kids = new Set(published.map((jwk) => jwk.kid));
    this.#assertionKey = this.#ownKeys.findLast((key) => kids.has(key.kid)) ?? null;
  }

  /** All keys but those of blocked edges: what such an edge signs is believed by nobody. */
  #publishKeys(): void {
    const blocked = new Set(this.#blockedEdges.split(' '));
    const keys = [...this.#stores.config.table.edgeKeys]
      .filter(([edgeId]) => !blocked.has(edgeId))
      .flatMap(([, published]) => published);
    if (!isDeepStrictEqual(keys, this.#jwks.keys)) this.#jwks = { keys };
  }

  /** Blocks come, are lifted and end with time: only then are the keys put together anew. */
  #refreshBlockedEdges(nowMs: number): void {
    const { revoke, config } = this.#stores;
    const blocked = [...config.table.edgeKeys.keys()]
      .filter((edgeId) => isBlocked(revoke.table, 'edge', edgeId, nowMs))
      .join(' ');
    if (blocked === this.#blockedEdges) return;
    this.#blockedEdges = blocked;
    this.#publishKeys();
  }

  #nowMs(): number {
    return (this.#options.clock ?? systemClock)();
  }

  #refresh(nowMs: number = this.#nowMs()): void {
    this.#refreshBlockedEdges(nowMs);
    const reasons: string[] = storedLanes
      .filter((lane) => this.#stores[lane].position === null)
      .map((lane) => `${lane}_missing`);
    if (this.#bundle === null) reasons.push('release_missing');
    if (this.#stores.config.table.statementKeys.size === 0) reasons.push('statement_key_missing');
    if (this.#cookieRing === null) reasons.push('cookie_ring_missing');
    if (this.#assertionKey === null) reasons.push('assertion_key_unpublished');
    // A blocked edge serves nobody, also where nobody could cut its connections.
    if (isBlocked(this.#stores.revoke.table, 'edge', this.#options.edgeId, nowMs)) {
      reasons.push('edge_blocked');
    }
    this.#notReady = reasons;
    const { revoke, config, directory } = this.#stores;
    this.#revisions = {
      ...(revoke.position === null ? {} : { revoke: revoke.position }),
      ...(config.position === null ? {} : { config: config.position }),
      ...(directory.position === null ? {} : { directory: directory.position }),
    };
  }
}
