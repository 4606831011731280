import type { MessagePort } from 'node:worker_threads';
import type { LogLevel } from '@sallyport/shared/log';
import type { ConfigOp, Position } from '@sallyport/shared/state/model';
import type { RowLane, SharedLane } from '@sallyport/shared/state/tables/lane';
import type { MetricObjectWithValues, MetricValue } from 'prom-client';
import type { CollectorConfig } from '../ops/tracing/collector.ts';
import type { SharedPlaces } from '../places/place-file.ts';
import type { Sighting } from '../sightings/sighting.ts';
import type { ChangedSubjects, ServerCertificate, UpstreamCredentials } from '../state/current.ts';
import type { SharedAges } from '../state/lane-ages.ts';

import type { OverloadLimits } from './overload.ts';
import type {
  BeginSignIn,
  BegunSignIn,
  CallResult,
  CompleteSignIn,
  ListenAddress,
  SelfDescription,
  SignInResult,
  WorkerConfig,
} from './request-worker.ts';

/** Everything that passes between the main thread and a request worker. */

/** An own assertion key: the private half as PKCS#8 PEM. */
export interface AssertionPrivateKey {
  readonly kid: string;
  readonly privateKeyPem: string;
}

export interface WorkerCredentials {
  readonly upstream: UpstreamCredentials;
  /** The newest last. */
  readonly assertionKeys: readonly AssertionPrivateKey[];
  readonly serverCertificates: readonly ServerCertificate[];
  /** Value of the secret `cookie-ring`; null: not fetched yet. */
  readonly cookieRing: Uint8Array | null;
}

/** What a worker needs to read the rows that the main thread writes. */
export interface SharedState {
  readonly revoke: SharedLane;
  /** Denials that are enforced beside the lane's own rows. */
  readonly carried: SharedLane;
  readonly signals: SharedLane;
  readonly directory: SharedLane;
  readonly ages: SharedAges;
}

/** workerData of a new worker. */
export interface WorkerInit {
  readonly index: number;
  readonly config: WorkerConfig;
  /** Of this edge: they say which ring of releases it is in. */
  readonly labels: Readonly<Record<string, string>>;
  readonly credentials: WorkerCredentials;
  readonly logLevel: LogLevel;
  readonly state: SharedState;
  /** Changes of the tables' layout, which a reader takes from it when it meets one. */
  readonly layout: MessagePort;
  /** Of RecordRoom. */
  readonly recordRoom: SharedArrayBuffer;
  /** Where spans of requests go; null: nowhere. */
  readonly collector: CollectorConfig | null;
  /** Above these a worker turns requests away. */
  readonly overload: OverloadLimits;
  /** Of its heap that is for what dies young, bytes. */
  readonly youngBytes: number;
  /** Of ConnectionRoom. */
  readonly connectionRoom: SharedArrayBuffer;
  /** Of SharedBuckets. */
  readonly rateBuckets: SharedArrayBuffer;
}

/** One call by a worker: the request and what it answers, by name. */
export interface CallTable {
  readonly beginSignIn: {
    readonly request: BeginSignIn;
    readonly value: BegunSignIn;
  };
  readonly completeSignIn: { readonly request: CompleteSignIn; readonly value: SignInResult };
  readonly redeemHandOver: {
    readonly request: { readonly jti: string; readonly expiresAtMs: number; readonly sid: string };
    readonly value: { readonly first: boolean };
  };
  readonly endSession: {
    readonly request: { readonly statement: string };
    readonly value: { readonly revoke: Position | null };
  };
  readonly describeSelf: {
    readonly request: { readonly statement: string };
    readonly value: SelfDescription;
  };
  readonly endOwnSessions: {
    readonly request: { readonly statement: string; readonly sids: readonly string[] };
    readonly value: { readonly ended: number; readonly revoke: Position | null };
  };
}
export type CallName = keyof CallTable;
export type CallMessage = {
  [Name in CallName]: {
    readonly type: 'call';
    readonly id: number;
    readonly name: Name;
    readonly request: CallTable[Name]['request'];
  };
}[CallName];

/** State downwards. `seq` rises by one with each message to a worker. */
export type StateMessage =
  /** The tables have changed; the rows are there already. */
  | {
      readonly type: 'changed';
      readonly seq: number;
      readonly lane: RowLane;
      /** null: rows beside the lane's own have changed, it has not moved. */
      readonly position: Position | null;
      /** Whose facts; null: anyone's. */
      readonly subjects: ChangedSubjects | null;
    }
  | {
      readonly type: 'config';
      readonly seq: number;
      readonly position: Position;
      /** The ops are the lane's whole state and take the place of what is there. */
      readonly whole: boolean;
      readonly ops: readonly ConfigOp[];
    };

/** `verdicts`: of front proxies that ask and forward by themselves. */
export type ListenerName = 'public' | 'verdicts';

export type ToWorker =
  | StateMessage
  | { readonly type: 'credentials'; readonly credentials: WorkerCredentials }
  /** All data on places from now on. */
  | { readonly type: 'places'; readonly places: SharedPlaces }
  | { readonly type: 'listen'; readonly what: ListenerName; readonly address: ListenAddress }
  | { readonly type: 'drain'; readonly deadlineMs: number }
  | {
      readonly type: 'reply';
      readonly id: number;
      readonly result: CallResult<CallTable[CallName]['value']>;
    }
  /** So many of the record batches sent up have been taken. */
  | { readonly type: 'records_taken'; readonly batches: number }
  /** The same of sightings. */
  | { readonly type: 'sightings_taken'; readonly batches: number }
  | { readonly type: 'metrics'; readonly id: number };

/**
 * Access records of one class on their way out, encoded once: the same bytes go to the standard
 * output and to the control plane.
 */
export interface RecordLines {
  /** JSON lines, each with its line feed. */
  readonly lines: Uint8Array<ArrayBuffer>;
  /** Of `lines`. */
  readonly bytes: number;
  readonly records: number;
  /** Anything but permits; outranks permits when records must be dropped. */
  readonly denial: boolean;
}

export interface DroppedRecords {
  readonly permits: number;
  readonly denials: number;
}

export type FromWorker =
  | { readonly type: 'started' }
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'listen_failed'; readonly message: string }
  /** Every state message up to `seq` is in the tables. */
  | { readonly type: 'applied'; readonly seq: number }
  /** As `applied`, and every open exchange has been decided again. */
  | { readonly type: 'enforced'; readonly seq: number }
  /** Sent when it changes; empty: ready. */
  | { readonly type: 'readiness'; readonly reasons: readonly string[] }
  /** Whether it turns requests away; sent when that changes. */
  | { readonly type: 'overload'; readonly overloaded: boolean }
  | CallMessage
  | {
      readonly type: 'records';
      readonly records: readonly RecordLines[];
      readonly dropped: DroppedRecords;
    }
  | {
      readonly type: 'sightings';
      readonly sightings: readonly Sighting[];
      /** Lost since the last batch. */
      readonly dropped: number;
    }
  | {
      readonly type: 'metrics';
      readonly id: number;
      readonly metrics: readonly MetricObjectWithValues<MetricValue<string>>[];
    }
  /** Something has failed that nobody expected: the worker ends after this, by itself. */
  | { readonly type: 'failed'; readonly error: unknown }
  | { readonly type: 'drained' };
