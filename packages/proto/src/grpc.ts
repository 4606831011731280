import { type DescMessage, type DescService, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type ChannelCredentials,
  type Client,
  type ClientDuplexStream,
  type ClientOptions,
  type handleBidiStreamingCall,
  type handleUnaryCall,
  Metadata,
  type MethodDefinition,
  makeClientConstructor,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import type {
  BeginSignInRequest,
  BeginSignInResponse,
  CompleteSignInRequest,
  CompleteSignInResponse,
  DescribeSelfRequest,
  DescribeSelfResponse,
  EndOwnSessionsRequest,
  EndOwnSessionsResponse,
  EndSessionRequest,
  EndSessionResponse,
  FetchSecretsRequest,
  FetchSecretsResponse,
  JoinRequest,
  JoinResponse,
  RecordRequest,
  RecordResponse,
  RedeemHandOverRequest,
  RedeemHandOverResponse,
  RenewRequest,
  RenewResponse,
  SightRequest,
  SightResponse,
  SyncRequest,
  SyncResponse,
} from '../gen/sallyport/v1/sync_pb.js';
import { EdgeSync, RecordRequestSchema } from '../gen/sallyport/v1/sync_pb.js';
import { recordRequestBytes } from './record-request.ts';

/** The unary calls of EdgeSync with their messages. */
export interface EdgeSyncUnary {
  join: [JoinRequest, JoinResponse];
  renew: [RenewRequest, RenewResponse];
  fetchSecrets: [FetchSecretsRequest, FetchSecretsResponse];
  beginSignIn: [BeginSignInRequest, BeginSignInResponse];
  completeSignIn: [CompleteSignInRequest, CompleteSignInResponse];
  redeemHandOver: [RedeemHandOverRequest, RedeemHandOverResponse];
  endSession: [EndSessionRequest, EndSessionResponse];
  describeSelf: [DescribeSelfRequest, DescribeSelfResponse];
  endOwnSessions: [EndOwnSessionsRequest, EndOwnSessionsResponse];
}

/** What a server of EdgeSync implements; pass it to grpc-js `addService` with `edgeSyncService`. */
export type EdgeSyncHandlers = {
  [Call in keyof EdgeSyncUnary]: handleUnaryCall<EdgeSyncUnary[Call][0], EdgeSyncUnary[Call][1]>;
} & {
  sync: handleBidiStreamingCall<SyncRequest, SyncResponse>;
  record: handleBidiStreamingCall<RecordRequest, RecordResponse>;
  sight: handleBidiStreamingCall<SightRequest, SightResponse>;
};

/** The service as grpc-js wants it, made from the protobuf descriptor. */
export const edgeSyncService: ServiceDefinition<EdgeSyncHandlers> = definition(
  EdgeSync,
) as ServiceDefinition<EdgeSyncHandlers>;

/** A client of EdgeSync: streams as grpc-js has them, unary calls as promises with a deadline. */
export class EdgeSyncClient {
  readonly #client: Client;
  readonly #methods: ServiceDefinition = edgeSyncService;

  /** `target` is `host:port`; nothing is connected before the first call. */
  constructor(target: string, credentials: ChannelCredentials, options: ClientOptions = {}) {
    const Constructor = makeClientConstructor(edgeSyncService, EdgeSync.typeName);
    this.#client = new Constructor(target, credentials, options);
  }

  sync(): ClientDuplexStream<SyncRequest, SyncResponse> {
    return this.#stream('sync');
  }

  record(): ClientDuplexStream<RecordRequest, RecordResponse> {
    return this.#stream('record');
  }

  sight(): ClientDuplexStream<SightRequest, SightResponse> {
    return this.#stream('sight');
  }

  /** Fails with grpc-js's ServiceError: status code in `code`; past the deadline DEADLINE_EXCEEDED. */
  unary<Call extends keyof EdgeSyncUnary>(
    call: Call,
    request: EdgeSyncUnary[Call][0],
    deadlineMs: number,
  ): Promise<EdgeSyncUnary[Call][1]> {
    const method = this.#method(call);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest<unknown, EdgeSyncUnary[Call][1]>(
        method.path,
        method.requestSerialize,
        method.responseDeserialize as (bytes: Buffer) => EdgeSyncUnary[Call][1],
        request,
        new Metadata(),
        { deadline: Date.now() + deadlineMs },
        (error: ServiceError | null, response) => {
          if (error !== null) reject(error);
          else if (response === undefined) reject(new Error('gRPC gave neither answer nor error'));
          else resolve(response);
        },
      );
    });
  }

  close(): void {
    this.#client.close();
  }

  #stream<Request, Response>(
    call: 'sync' | 'record' | 'sight',
  ): ClientDuplexStream<Request, Response> {
    const method = this.#method(call);
    return this.#client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize as (request: Request) => Buffer,
      method.responseDeserialize as (bytes: Buffer) => Response,
    );
  }

  #method(call: string): MethodDefinition<unknown, unknown> {
    const method = this.#methods[call];
    if (method === undefined) throw new Error(`EdgeSync has no call ${call}`);
    return method as MethodDefinition<unknown, unknown>;
  }
}

function definition(service: DescService): ServiceDefinition {
  const methods: Record<string, MethodDefinition<unknown, unknown>> = {};
  for (const method of service.methods) {
    const request = codec(method.input);
    const response = codec(method.output);
    methods[method.localName] = {
      path: `/${service.typeName}/${method.name}`,
      requestStream:
        method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
      responseStream:
        method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
      requestSerialize: request.serialize,
      requestDeserialize: request.deserialize,
      responseSerialize: response.serialize,
      responseDeserialize: response.deserialize,
      originalName: method.localName,
    };
  }
  return methods as ServiceDefinition;
}

function codec(message: DescMessage): {
  serialize: (value: unknown) => Buffer;
  deserialize: (bytes: Buffer) => unknown;
} {
  return {
    serialize: (value) => {
      if (message === RecordRequestSchema) return recordRequestBytes(value as RecordRequest);
      const bytes = toBinary(message, value as Parameters<typeof toBinary>[1]);
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    deserialize: (bytes) => fromBinary(message, bytes),
  };
}

export type {
  ChannelCredentials,
  ClientDuplexStream,
  ClientOptions,
  ServerDuplexStream,
  ServerUnaryCall,
  ServiceError,
} from '@grpc/grpc-js';
// The parts of grpc-js that servers and callers need beside the service; nothing else imports it.
export { credentials, Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
