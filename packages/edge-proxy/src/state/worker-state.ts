import { EventEmitter } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import type { RevisionVector } from '@sallyport/shared/access-record';
import { type Clock, systemClock } from '@sallyport/shared/clock';
import type { Lane, Position } from '@sallyport/shared/state/model';
import { StateBusyError, type StateReader } from '@sallyport/shared/state/tables/reader';
import { comparePositions } from '@sallyport/shared/sync/position';
import type { JWK } from 'jose';
import type { StateMessage, WorkerCredentials } from '../worker/messages.ts';
import { applyConfigOp, type ConfigTable, createConfigTable } from './2-store/config-table.ts';
import { readAssertionKey, readCookieRing } from './2-store/credentials.ts';
import { releaseFor } from './2-store/releases.ts';
import { changedSubjects, createSubjectSets } from './2-store/subjects.ts';
import type { AssertionKey, CookieRing, CurrentState, LiveBundle, StateChange } from './current.ts';
import type { LaneAges } from './lane-ages.ts';
import { eachLane, lanes } from './lanes.ts';

const reachedWaitMsMax = 2_000;

export interface WorkerStateOptions {
  readonly edgeId: string;
  /** Labels of this edge: they say which ring of releases it is in. */
  readonly labels: Readonly<Record<string, string>>;
  readonly credentials: WorkerCredentials;
  /** Of the tables that the main thread writes. */
  readonly reader: StateReader;
  readonly ages: LaneAges;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/** The state of one worker: the writing side. Requests see only `current`. */
export interface WorkerState {
  readonly current: CurrentState;
  /** Takes one message, at once. */
  apply(message: StateMessage): StateChange;
  /** Throws, changing nothing, if a key cannot be read. */
  setCredentials(credentials: WorkerCredentials): void;
  /**
   * The lanes that are so old that every request is denied, as codes. Each is still answered, with
   * that reason; but whoever can go to another edge should.
   */
  tooOld(): readonly string[];
  /** Readiness and the published keys change with time too. */
  look(nowMs: number): void;
}

export function createWorkerState(options: WorkerStateOptions): WorkerState {
  return new TableState(options);
}

class TableState implements WorkerState, CurrentState {
  readonly current: CurrentState = this;
  readonly #options: WorkerStateOptions;
  readonly #reader: StateReader;
  readonly #positions: Record<Lane, Position | null> = eachLane(() => null);
  #config: ConfigTable = createConfigTable(null);
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
  #agesKnown = false;
  #revisions: RevisionVector = {};

  constructor(options: WorkerStateOptions) {
    this.#options = options;
    this.#reader = options.reader;
    this.#credentials = options.credentials;
    // One listener for each sign-in that waits for its user's row.
    this.#events.setMaxListeners(0);
    this.#readCredentials(options.credentials);
    this.#refresh();
  }

  // The writing side.

  apply(message: StateMessage): StateChange {
    const lane = message.type === 'config' ? 'config' : message.lane;
    const before = this.#bundle;
    this.#positions[lane] = message.position ?? this.#positions[lane];
    let subjects: StateChange['subjects'];
    if (message.type === 'config') subjects = this.#applyConfig(message);
    else {
      ({ subjects } = message);
      this.#reader.takeLayouts();
    }
    this.#refresh();
    // Another shadow is no other version: nothing has to be decided again.
    const bundleChanged = this.#bundle?.policy !== before?.policy;
    const change: StateChange = {
      lane,
      position: this.#positions[lane],
      bundleChanged,
      subjects: bundleChanged ? null : subjects,
    };
    this.#events.emit('position');
    this.#events.emit('change', change);
    return change;
  }

  setCredentials(credentials: WorkerCredentials): void {
    this.#readCredentials(credentials);
    this.#refresh();
    this.#events.emit('credentials');
  }

  tooOld(): readonly string[] {
    const bundle = this.#bundle;
    if (bundle === null) return [];
    const { ages } = this.#options;
    return lanes
      .filter((lane) => ages.ageMs(lane) >= bundle.denyAfterMs[lane])
      .map((lane) => `state_too_old:${lane}`);
  }

  look(nowMs: number): void {
    this.#refresh(nowMs);
  }

  // What requests see.

  ready(): boolean {
    return this.#notReady.length === 0 && this.#agesMissing().length === 0;
  }

  notReadyReasons(): readonly string[] {
    const ages = this.#agesMissing();
    return ages.length === 0 ? this.#notReady : [...this.#notReady, ...ages];
  }

  bundle(): LiveBundle | null {
    return this.#bundle;
  }

  pass<T>(gather: () => T): T {
    return this.#reader.pass(gather);
  }

  staleness(): ReturnType<CurrentState['staleness']> {
    return this.#options.ages.staleness();
  }

  deviceByCertificate(sha256: string): ReturnType<CurrentState['deviceByCertificate']> {
    return this.#reader.deviceByCertificate(sha256);
  }

  device(id: string): ReturnType<CurrentState['device']> {
    return this.#reader.device(id);
  }

  user(id: string): ReturnType<CurrentState['user']> {
    return this.#reader.user(id);
  }

  generations(userId: string, deviceId: string | null): ReturnType<CurrentState['generations']> {
    return this.#reader.generations(userId, deviceId);
  }

  isSessionEnded(sid: string): boolean {
    return this.#reader.isSessionEnded(sid);
  }

  block(...[kind, subjectId, nowMs]: Parameters<CurrentState['block']>): boolean {
    return this.#reader.isBlocked(kind, subjectId, nowMs);
  }

  lockdown(nowMs: number): boolean {
    return this.#reader.isBlocked('everyone', '', nowMs);
  }

  signals(...[subject, id, nowMs]: Parameters<CurrentState['signals']>) {
    return this.#reader.signals(subject, id, nowMs);
  }

  requestSignals(...[kept, subjects, nowMs]: Parameters<CurrentState['requestSignals']>) {
    return this.#reader.requestSignals(kept, subjects, nowMs);
  }

  statementKey(keyId: string, nowMs: number): ReturnType<CurrentState['statementKey']> {
    const row = this.#config.statementKeys.get(keyId);
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
    // A later epoch holds what was kept of the earlier ones.
    const isReached = () => {
      const have = this.#positions[lane];
      return have !== null && comparePositions(have, position) >= 0;
    };
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

  #applyConfig({ ops, whole }: Extract<StateMessage, { readonly type: 'config' }>) {
    const changed = createSubjectSets();
    // A whole state is built beside the live one.
    const table = whole ? createConfigTable(this.#config.bundles) : this.#config;
    for (const op of ops) applyConfigOp(table, op, changed);
    if (whole) changed.everyone = true;
    this.#config = table;
    this.#readConfig();
    return changedSubjects(changed);
  }

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
    const { releases, bundles } = this.#config;
    const held = (version: number) => bundles.get(version)?.live ?? null;
    const release = releaseFor(releases, this.#options.labels, held);
    const live = release === null ? null : held(release.version);
    const shadowVersion = release?.shadowVersion ?? null;
    const shadow = shadowVersion === null ? null : held(shadowVersion);
    // Without a usable release the last good version goes on.
    if (live !== null) this.#bundle = withShadow(live, shadow, this.#bundle);
    this.#publishKeys();
    this.#chooseAssertionKey();
  }

  /** A key signs only when its public half is published, so that whoever verifies can know it. */
  #chooseAssertionKey(): void {
    const published = this.#config.edgeKeys.get(this.#options.edgeId) ?? [];
    const kids = new Set(published.map((jwk) => jwk.kid));
    this.#assertionKey = this.#ownKeys.findLast((key) => kids.has(key.kid)) ?? null;
  }

  /** All keys but those of blocked edges: what such an edge signs is believed by nobody. */
  #publishKeys(): void {
    const blocked = new Set(this.#blockedEdges.split(' '));
    const keys = [...this.#config.edgeKeys]
      .filter(([edgeId]) => !blocked.has(edgeId))
      .flatMap(([, published]) => published);
    if (!isDeepStrictEqual(keys, this.#jwks.keys)) this.#jwks = { keys };
  }

  /** Blocks come, are lifted and end with time: only then are the keys put together anew. */
  #refreshBlockedEdges(nowMs: number): void {
    const blocked = [...this.#config.edgeKeys.keys()]
      .filter((edgeId) => this.#reader.isBlocked('edge', edgeId, nowMs))
      .join(' ');
    if (blocked === this.#blockedEdges) return;
    this.#blockedEdges = blocked;
    this.#publishKeys();
  }

  /** Without an age every budget is exceeded: requests are better kept away until it is known. */
  #agesMissing(): readonly string[] {
    if (this.#agesKnown) return [];
    const missing = lanes.filter(
      (lane) => this.#positions[lane] !== null && !this.#options.ages.isKnown(lane),
    );
    // Once known, an age is never forgotten.
    this.#agesKnown = missing.length === 0 && lanes.every((lane) => this.#positions[lane] !== null);
    return missing.map((lane) => `${lane}_age_unknown`);
  }

  #nowMs(): number {
    return (this.#options.clock ?? systemClock)();
  }

  #refresh(nowMs: number = this.#nowMs()): void {
    try {
      this.#refreshBlockedEdges(nowMs);
      this.#notReady = this.#missing(nowMs);
    } catch (error) {
      if (!(error instanceof StateBusyError)) throw error;
      // Nothing may be permitted on a state that cannot be read; the next look comes soon.
      this.#notReady = ['state_busy'];
    }
    this.#revisions = Object.fromEntries(
      lanes.flatMap((lane) => {
        const position = this.#positions[lane];
        return position === null ? [] : [[lane, position]];
      }),
    );
  }

  #missing(nowMs: number): readonly string[] {
    const reasons: string[] = lanes
      .filter((lane) => this.#positions[lane] === null)
      .map((lane) => `${lane}_missing`);
    if (this.#bundle === null) reasons.push('release_missing');
    if (this.#config.statementKeys.size === 0) reasons.push('statement_key_missing');
    if (this.#cookieRing === null) reasons.push('cookie_ring_missing');
    if (this.#assertionKey === null) reasons.push('assertion_key_unpublished');
    // A blocked edge serves nobody, also where nobody could cut its connections.
    if (this.#reader.isBlocked('edge', this.#options.edgeId, nowMs)) reasons.push('edge_blocked');
    return reasons;
  }
}

/**
 * The live version with what is decided beside it. The same object as before while both are the
 * same: open exchanges are decided again for another one.
 */
function withShadow(
  live: LiveBundle,
  shadow: LiveBundle | null,
  before: LiveBundle | null,
): LiveBundle {
  if (before?.policy === live.policy && before.shadow?.policy === shadow?.policy) return before;
  if (shadow === null) return live;
  const { version, policy } = shadow;
  const headerNames = [...new Set([...live.headerNames, ...policy.headerNames])];
  return { ...live, headerNames, shadow: { version, policy } };
}
