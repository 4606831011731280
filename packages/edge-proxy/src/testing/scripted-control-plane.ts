import { create } from '@bufbuild/protobuf';
import {
  type FetchSecretsRequest,
  FetchSecretsResponseSchema,
  type JoinRequest,
  JoinResponseSchema,
  type RecordRequest,
  RecordResponseSchema,
  type RenewRequest,
  RenewResponseSchema,
  type SightRequest,
  SightResponseSchema,
  type SyncRequest,
  type SyncResponse,
} from '@sallyport/proto';
import {
  type EdgeSyncHandlers,
  edgeSyncService,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  status,
} from '@sallyport/proto/grpc';
import {
  type Authority,
  createAuthority,
  issueCertificate,
  issueWithNewKey,
} from '@sallyport/shared/pki/issue';
import { spiffeEdgeUri } from '@sallyport/shared/pki/spiffe';
import type { SigningKeys } from '@sallyport/shared/sync/signing-keys';
import type { ChannelTrust } from '../identity/control-channel.ts';
import { Arrivals } from './arrivals.ts';
import { createRootKey, type RootKey } from './sample-state.ts';
import { scriptedKeys } from './scripted-keys.ts';
import { ScriptedStream } from './scripted-stream.ts';

export interface ScriptedOptions {
  readonly trustDomain?: string;
  /** Of its server certificate and of the edges; default: one of its own. */
  readonly authority?: Authority;
  /** Refuses connections without a certificate of its authority; then nobody can join. */
  readonly demandsCertificates?: boolean;
  /** Vouches for its keys, and told to edges that join; default: one of its own. */
  readonly root?: RootKey;
  /** What it signs with; default: keys that its root vouches for. */
  readonly keys?: SigningKeys;
}

/** A control plane that does nothing of its own: a real gRPC server which a test plays by hand. */
export class ScriptedControlPlane {
  readonly streams = new Arrivals<ScriptedStream>();
  readonly joins = new Arrivals<JoinRequest>();
  readonly renewals = new Arrivals<RenewRequest>();
  readonly secretRequests = new Arrivals<FetchSecretsRequest>();
  readonly records = new Arrivals<RecordRequest>();
  readonly sightings = new Arrivals<SightRequest>();
  /** Values for FetchSecrets. */
  readonly secrets = new Map<string, Uint8Array>();
  /** The handlers of the calls of sign-in; absent: UNIMPLEMENTED. */
  readonly signIn: Partial<
    Omit<EdgeSyncHandlers, 'sync' | 'record' | 'sight' | 'join' | 'renew' | 'fetchSecrets'>
  > = {};
  /** While false, record batches arrive and are not acknowledged. */
  acknowledgesRecords = true;
  /** The same of batches of sightings. */
  acknowledgesSightings = true;
  /** Life of the certificates that it issues. */
  certificateLifeMs = 86_400_000;
  joinToken = 'sp_join_scripted';
  /** So many joins are put off before one is answered. */
  joinsPutOff = 0;
  edgeId = 'edg_scripted';
  /** The edge that certificates name; null: the edge that asks. */
  certificatesName: string | null = null;
  readonly authority: Authority;
  readonly trustDomain: string;
  readonly root: RootKey;
  readonly keys: SigningKeys;
  readonly #serverCredentials: ServerCredentials;
  #server: Server;
  #port = 0;

  private constructor(
    authority: Authority,
    credentials: ServerCredentials,
    options: ScriptedOptions,
  ) {
    this.authority = authority;
    this.#serverCredentials = credentials;
    this.trustDomain = options.trustDomain ?? 'corp.test';
    this.root = options.root ?? createRootKey();
    this.keys = options.keys ?? scriptedKeys(this.root);
    this.#server = this.#newServer();
  }

  static async start(options: ScriptedOptions = {}): Promise<ScriptedControlPlane> {
    const authority =
      options.authority ?? (await createAuthority({ name: 'edge authority', days: 1 }));
    const server = await issueWithNewKey(authority, {
      commonName: 'localhost',
      dns: ['localhost'],
      usage: 'server',
      days: 1,
    });
    const credentials = ServerCredentials.createSsl(
      Buffer.from(authority.certificatePem),
      [
        {
          cert_chain: Buffer.from(server.certificatePem),
          private_key: Buffer.from(server.privateKeyPem),
        },
      ],
      options.demandsCertificates ?? false,
    );
    const plane = new ScriptedControlPlane(authority, credentials, options);
    await plane.open();
    return plane;
  }

  get target(): string {
    return `localhost:${this.#port}`;
  }

  /** Opens the listener, the second time on the same port. */
  async open(): Promise<void> {
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(`localhost:${this.#port}`, this.#serverCredentials, (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    });
  }

  /** Cuts everything and closes the listener; `open` brings it back. */
  close(): void {
    this.#server.forceShutdown();
    this.#server = this.#newServer();
  }

  /** What an edge needs that has joined before. */
  async edgeTrust(edgeId = this.edgeId): Promise<ChannelTrust> {
    const client = await issueWithNewKey(this.authority, {
      commonName: edgeId,
      uris: [spiffeEdgeUri(this.trustDomain, edgeId)],
      usage: 'client',
      days: 1,
    });
    return { caPem: this.authority.certificatePem, client };
  }

  #newServer(): Server {
    const server = new Server();
    const unimplemented: EdgeSyncHandlers['endSession'] = (_call, callback) =>
      callback({ code: status.UNIMPLEMENTED, details: 'not scripted' });
    const { signIn } = this;
    const handlers: EdgeSyncHandlers = {
      sync: (call) => this.#onSync(call),
      record: (call) => {
        call.on('error', () => undefined);
        call.on('data', (request: RecordRequest) => {
          this.records.push(request);
          if (!this.acknowledgesRecords) return;
          call.write(create(RecordResponseSchema, { batch: request.batch }));
        });
        call.on('end', () => call.end());
      },
      sight: (call) => {
        call.on('error', () => undefined);
        call.on('data', (request: SightRequest) => {
          this.sightings.push(request);
          if (!this.acknowledgesSightings) return;
          call.write(create(SightResponseSchema, { batch: request.batch }));
        });
        call.on('end', () => call.end());
      },
      join: (call, callback) => void this.#join(call.request, callback),
      renew: (call, callback) => void this.#renew(call.request, callback),
      fetchSecrets: (call, callback) => {
        this.secretRequests.push(call.request);
        const secrets = call.request.ids.flatMap((id) => {
          const value = this.secrets.get(id);
          return value === undefined ? [] : [{ id, version: 1n, value }];
        });
        callback(null, create(FetchSecretsResponseSchema, { secrets }));
      },
      beginSignIn: (...call) => (signIn.beginSignIn ?? (unimplemented as never))(...call),
      completeSignIn: (...call) => (signIn.completeSignIn ?? (unimplemented as never))(...call),
      redeemHandOver: (...call) => (signIn.redeemHandOver ?? (unimplemented as never))(...call),
      endSession: (...call) => (signIn.endSession ?? unimplemented)(...call),
      describeSelf: (...call) => (signIn.describeSelf ?? (unimplemented as never))(...call),
      endOwnSessions: (...call) => (signIn.endOwnSessions ?? (unimplemented as never))(...call),
    };
    server.addService(edgeSyncService, handlers as never);
    return server;
  }

  #onSync(call: ServerDuplexStream<SyncRequest, SyncResponse>): void {
    call.on('error', () => undefined);
    call.once('data', ({ message }: SyncRequest) => {
      if (message.case === 'hello') {
        this.streams.push(new ScriptedStream(call, message.value, this.keys));
      }
    });
    call.on('end', () => call.end());
  }

  async #join(
    request: JoinRequest,
    callback: Parameters<EdgeSyncHandlers['join']>[1],
  ): Promise<void> {
    this.joins.push(request);
    if (this.joinsPutOff > 0) {
      this.joinsPutOff -= 1;
      callback({ code: status.RESOURCE_EXHAUSTED, details: 'try again later' });
      return;
    }
    if (request.token !== this.joinToken) {
      callback({ code: status.UNAUTHENTICATED, details: 'the join token is not valid' });
      return;
    }
    const response = create(JoinResponseSchema, {
      edgeId: this.edgeId,
      trustDomain: this.trustDomain,
      credentials: await this.#issue(request),
      rootPublicKey: this.root.publicKey,
      controlPlaneCaPem: this.authority.certificatePem,
    });
    callback(null, response);
  }

  async #renew(
    request: RenewRequest,
    callback: Parameters<EdgeSyncHandlers['renew']>[1],
  ): Promise<void> {
    this.renewals.push(request);
    callback(null, create(RenewResponseSchema, { credentials: await this.#issue(request) }));
  }

  async #issue(csrs: { readonly identityCsr: Uint8Array; readonly upstreamCsr: Uint8Array }) {
    const notAfter = new Date(Date.now() + this.certificateLifeMs);
    const edgeId = this.certificatesName ?? this.edgeId;
    const names = {
      commonName: edgeId,
      uris: [spiffeEdgeUri(this.trustDomain, edgeId)],
      usage: 'client' as const,
      notBefore: new Date(Date.now() - 1_000),
      notAfter,
    };
    const [identity, upstream] = await Promise.all([
      issueCertificate(this.authority, { ...names, csrDer: csrs.identityCsr }),
      issueCertificate(this.authority, { ...names, csrDer: csrs.upstreamCsr }),
    ]);
    return {
      identityCertificatePem: identity.certificatePem,
      upstreamCertificatePem: upstream.certificatePem,
    };
  }
}
