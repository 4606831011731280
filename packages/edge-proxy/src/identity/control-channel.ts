import { setTimeout as delay } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import {
  type ChannelCredentials,
  type ClientOptions,
  credentials,
  EdgeSyncClient,
  type EdgeSyncUnary,
  status,
} from '@sallyport/proto/grpc';
import { serviceErrorCode } from './call-failure.ts';
import { connectionTrouble } from './connection-trouble.ts';

/** How the channel proves who it is and whom it believes. */
export interface ChannelTrust {
  /** Authority of the control plane's server certificate. */
  readonly caPem: string;
  /** null: before the edge has joined. */
  readonly client: { readonly certificatePem: string; readonly privateKeyPem: string } | null;
}

/**
 * What a connection is for. `bulk` carries shards: with the window that Node starts with, 15 MiB
 * would take a minute at a round trip of 150 ms.
 */
export type ConnectionUse = 'revoke' | 'bulk' | 'calls';

/**
 * Above the 4 MiB that a message may have by the protocol, so that one that is too large can still
 * be refused by name; what is larger than this ends the stream.
 */
const messageBytesMax = 8 * 1024 * 1024;
const windowBytes = { revoke: 1024 * 1024, bulk: 8 * 1024 * 1024, calls: 1024 * 1024 } as const;
const retireMs = 10_000;
/**
 * So long calls go round the control planes, longer than the longest pause before a connection is
 * tried again: the one that was deployed a moment ago answers, while the next one is away.
 */
const patienceMs = 2_500;
const pauseMs = 200;

const channelOptions: ClientOptions = {
  // Two channels to one target are two TCP connections.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.max_receive_message_length': messageBytesMax,
  'grpc.max_send_message_length': messageBytesMax,
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
};

/**
 * The way to the control planes: TLS 1.3, our certificate, their authority. Streams get a
 * connection of their own; unary calls share one and go on to the next control plane when theirs
 * cannot be reached.
 */
export class ControlChannel {
  readonly #targets: readonly string[];
  #trust: ChannelTrust;
  #credentials: ChannelCredentials;
  #shared = new Map<number, EdgeSyncClient>();
  #preferred = 0;

  /** `targets` are `host:port`, at least one. */
  constructor(targets: readonly string[], trust: ChannelTrust) {
    this.#targets = targets;
    this.#trust = trust;
    this.#credentials = channelCredentials(trust);
  }

  /** How many control planes there are. */
  get targets(): number {
    return this.#targets.length;
  }

  /** `host:port` of one of the control planes. */
  address(target: number): string {
    const address = this.#targets[target % this.#targets.length];
    if (address === undefined) throw new Error('there is no control plane to connect to');
    return address;
  }

  /** A client with a connection of its own to one of the control planes; close it after use. */
  connect(target: number, use: ConnectionUse): EdgeSyncClient {
    return new EdgeSyncClient(this.address(target), this.#credentials, {
      ...channelOptions,
      'grpc-node.flow_control_window': windowBytes[use],
    });
  }

  /** In plain words why one of the control planes cannot be reached. */
  trouble(target: number): Promise<string> {
    return connectionTrouble(this.address(target), this.#trust.caPem);
  }

  /**
   * Calls whichever control plane answers, within one deadline. Where none can be reached it tries
   * for `patienceMs`. Fails with grpc-js's ServiceError of the last one tried.
   */
  async unary<Call extends keyof EdgeSyncUnary>(
    call: Call,
    request: EdgeSyncUnary[Call][0],
    deadlineMs: number,
  ): Promise<EdgeSyncUnary[Call][1]> {
    const startedMs = performance.now();
    const endsAtMs = startedMs + deadlineMs;
    const patientUntilMs = Math.min(endsAtMs, startedMs + patienceMs);
    for (let tried = 1; ; tried += 1) {
      const target = this.#preferred;
      const leftMs = Math.max(1, endsAtMs - performance.now());
      try {
        return await this.#client(target).unary(call, request, leftMs);
      } catch (error) {
        // Nothing but "it never got there" is tried again: a call may have had its effect.
        const unreachable = serviceErrorCode(error) === status.UNAVAILABLE;
        if (unreachable && this.#preferred === target) {
          this.#preferred = (target + 1) % this.#targets.length;
        }
        if (!unreachable || performance.now() >= endsAtMs) throw error;
        if (tried % this.#targets.length !== 0) continue;
        if (performance.now() + pauseMs >= patientUntilMs) throw error;
        await delay(pauseMs);
      }
    }
  }

  /** New connections use these from now on; those that are open live on until they are closed. */
  setTrust(trust: ChannelTrust): void {
    this.#trust = trust;
    this.#credentials = channelCredentials(trust);
    const retired = this.#shared;
    this.#shared = new Map();
    const timer = setTimeout(() => closeAll(retired), retireMs);
    timer.unref();
  }

  close(): void {
    closeAll(this.#shared);
    this.#shared.clear();
  }

  #client(target: number): EdgeSyncClient {
    const open = this.#shared.get(target) ?? this.connect(target, 'calls');
    this.#shared.set(target, open);
    return open;
  }
}

function closeAll(clients: ReadonlyMap<number, EdgeSyncClient>): void {
  for (const client of clients.values()) client.close();
}

function channelCredentials({ caPem, client }: ChannelTrust): ChannelCredentials {
  const context = createSecureContext({
    ca: caPem,
    minVersion: 'TLSv1.3',
    ...(client === null ? {} : { cert: client.certificatePem, key: client.privateKeyPem }),
  });
  return credentials.createFromSecureContext(context);
}
