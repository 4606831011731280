import type { SyncRequest } from '@sallyport/proto';
import {
  type EdgeSyncUnary,
  edgeSyncService,
  Server,
  ServerCredentials,
} from '@sallyport/proto/grpc';
import type { Clock } from '@sallyport/shared/clock';
import type { HostPort } from '@sallyport/shared/host-port';
import type { Log } from '@sallyport/shared/log';
import type { SealKey } from '@sallyport/shared/seal';
import type { Registry } from 'prom-client';
import type { SignInCalls } from '../identity/sign-in-calls.ts';
import type { Encoded } from '../publish/3-frames/encode.ts';
import type { Publisher } from '../publish/publisher.ts';
import type { Signals } from '../signals/signals.ts';
import type { Database } from '../store/database.ts';
import { authenticate } from './authenticate.ts';
import type { EdgeAuthorities } from './credentials.ts';
import { EdgePeers, edgeTrust } from './edge-peer.ts';
import { joinEdge } from './join.ts';
import { listenGrpc } from './listener.ts';
import { createGrpcMetrics } from './metrics.ts';
import { RecordReader } from './records/record-reader.ts';
import { recordHandler } from './records/record-stream.ts';
import { RecordWriter } from './records/record-writer.ts';
import { UntoldDenials } from './records/untold-denials.ts';
import { renewEdgeCredentials } from './renew.ts';
import { fetchSecrets } from './secrets.ts';
import { issueServerCertificate } from './server-certificate.ts';
import { sightingHandler } from './sightings/sighting-stream.ts';
import { type Received, syncHandler } from './sync.ts';
import { type CallParts, edgeCall, openCall } from './unary.ts';

export interface EdgeServerOptions {
  readonly listen: HostPort;
  /** Names in the server's certificate: DNS names or addresses. */
  readonly names: readonly string[];
  readonly database: Database;
  readonly publisher: Publisher;
  readonly signIn: SignInCalls;
  readonly signals: Signals;
  readonly authorities: EdgeAuthorities;
  readonly trustDomain: string;
  readonly rootPublicKey: Uint8Array;
  readonly sealKey: SealKey;
  readonly metrics: Registry;
  readonly clock: Clock;
  readonly log: Log;
}

export interface EdgeServer {
  readonly address: HostPort;
  /** Refuses new connections and ends calls: streams at once, the rest within the grace. */
  drain(graceMs: number): Promise<void>;
}

const messageBytesMax = 4 * 1024 * 1024;
const joinsAtOnceMax = 4;
/** Time for a barred edge to read why, before its connections are closed under it. */
const farewellMs = 1_000;
const certificateCheckMs = 3_600_000;

/** hardening.md, section 6. Compression is never used towards edges; theirs is bounded by size. */
const serverOptions = {
  'grpc.max_receive_message_length': messageBytesMax,
  'grpc.max_send_message_length': messageBytesMax,
  'grpc.max_concurrent_streams': 100,
  'grpc-node.max_session_memory': 32,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_connection_age_ms': 3_600_000,
  'grpc.max_connection_age_grace_ms': 30_000,
  'grpc.enable_channelz': 0,
};

/**
 * The service, but that what Sync sends is encoded before: one frame goes to many streams. Of what
 * comes, the size is kept.
 */
const edgeService = {
  ...edgeSyncService,
  sync: {
    ...edgeSyncService.sync,
    requestDeserialize: (bytes: Buffer): Received => ({
      request: edgeSyncService.sync.requestDeserialize(bytes) as SyncRequest,
      bytes: bytes.length,
    }),
    responseSerialize: (bytes: Encoded) => bytes,
  },
};

/** Serves EdgeSync. Resolves once it listens. */
export async function startEdgeServer(options: EdgeServerOptions): Promise<EdgeServer> {
  const { clock, log, publisher, authorities, trustDomain, names } = options;
  const peers = new EdgePeers(edgeTrust([authorities.edge.certificatePem], trustDomain));
  let certificate = await issueServerCertificate(authorities.edge, names, clock);

  const server = new Server(serverOptions);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = await listenGrpc({
    listen: options.listen,
    certificate,
    clientAuthorities: [authorities.edge.certificatePem],
    edgeIdOf(socket) {
      const der = socket.getPeerX509Certificate()?.raw;
      return der === undefined ? null : (peers.read(der, clock())?.edgeId ?? null);
    },
    onConnection: (socket) => injector.injectConnection(socket),
    log,
  });
  const { connections } = listener;
  publisher.guardConnections({
    edgeIds: () => connections.edgeIds(),
    bar: (edgeId) => {
      setTimeout(() => connections.destroyEdge(edgeId), farewellMs).unref();
    },
  });
  const metrics = createGrpcMetrics(options.metrics, {
    connections: () => connections.size,
    streams: () => publisher.openStreams(),
    logAgeMs: () => publisher.logAgeMs(),
  });
  const parts: CallParts = {
    authenticate: (call) => authenticate(call, peers, publisher.registry, clock),
    log,
    metrics,
  };
  const { database, signals } = options;
  const record = recordHandler({
    ...parts,
    reader: new RecordReader(),
    writer: new RecordWriter(database),
    untold: new UntoldDenials(),
    signals,
  });
  const sight = sightingHandler({ ...parts, signals, clock });
  server.addService(edgeService, {
    ...unaryHandlers(parts, options),
    sync: syncHandler({ ...parts, publisher, connections }),
    record: record.handle,
    sight: sight.handle,
  });

  const renew = async (): Promise<void> => {
    if (clock() < certificate.renewAtMs) return;
    try {
      certificate = await issueServerCertificate(authorities.edge, names, clock);
      listener.setCertificate(certificate);
      log.info('grpc.certificate_renewed');
    } catch (error) {
      log.error('grpc.certificate_not_renewed', { error });
    }
  };
  const renewal = setInterval(() => void renew(), certificateCheckMs);
  renewal.unref();

  return {
    address: listener.address,
    async drain(graceMs) {
      clearInterval(renewal);
      const closed = listener.close();
      publisher.endStreams();
      record.drain();
      sight.drain();
      injector.drain(graceMs);
      const timer = setTimeout(() => connections.destroyAll(), graceMs + 500);
      await closed;
      clearTimeout(timer);
      injector.destroy();
    },
  };
}

/** Join alone is open to callers without a certificate. */
function unaryHandlers(parts: CallParts, options: EdgeServerOptions) {
  const { database, sealKey, signIn } = options;
  const joinParts = { ...options, controlPlaneCaPem: options.authorities.edge.certificatePem };
  const edge = <Call extends Exclude<keyof EdgeSyncUnary, 'join'>>(
    method: Call,
    work: Parameters<typeof edgeCall<EdgeSyncUnary[Call][0], EdgeSyncUnary[Call][1]>>[2],
  ) => edgeCall(parts, method, work);
  return {
    join: openCall(
      parts,
      'join',
      joinsAtOnceMax,
      (source, request: EdgeSyncUnary['join'][0]): Promise<EdgeSyncUnary['join'][1]> =>
        joinEdge(joinParts, request, source),
    ),
    renew: edge('renew', (caller, request) =>
      renewEdgeCredentials(options, caller.edgeId, request, caller.sourceAddress),
    ),
    fetchSecrets: edge('fetchSecrets', (_, request) => fetchSecrets(database, sealKey, request)),
    beginSignIn: edge('beginSignIn', (caller, request) => signIn.beginSignIn(caller, request)),
    completeSignIn: edge('completeSignIn', (caller, request) =>
      signIn.completeSignIn(caller, request),
    ),
    redeemHandOver: edge('redeemHandOver', (caller, request) =>
      signIn.redeemHandOver(caller, request),
    ),
    endSession: edge('endSession', (caller, request) => signIn.endSession(caller, request)),
    describeSelf: edge('describeSelf', (caller, request) => signIn.describeSelf(caller, request)),
    endOwnSessions: edge('endOwnSessions', (caller, request) =>
      signIn.endOwnSessions(caller, request),
    ),
  };
}
