/**
 * Edges that do nothing but stand at the end of a `revoke` stream, many in one process: each has a
 * connection of its own over mutual TLS, says that it has the state, and confirms each revision as
 * ENFORCED once its signature has been verified. The same bytes are verified once for all of them:
 * on machines of their own they would do it side by side.
 *
 * IDENTITIES (a file of SimulatedIdentity in JSON), TARGETS (host:port with commas), CA (a file).
 * Prints one line when all have resumed; ends with SIGTERM, and with a code where a frame is bad.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import {
  AckStage,
  readSyncResponse,
  StatePath,
  type SyncMessage,
  type SyncRequest,
  SyncRequestSchema,
  type SyncResponse,
} from '@sallyport/proto';
import { type ClientDuplexStream, credentials, EdgeSyncClient } from '@sallyport/proto/grpc';
import type { Position } from '@sallyport/shared/state/model';
import type { FrameMessage } from '@sallyport/shared/sync/messages';
import { frameSigned } from '@sallyport/shared/sync/signing';
import { VerificationKeys } from '@sallyport/shared/sync/verification-keys';
import type { SimulatedIdentity } from './simulated-identities.ts';

const revokeLane = 1;
const atOnce = 16;
const verifiedMax = 1_024;

const identities = JSON.parse(
  readFileSync(process.env['IDENTITIES'] ?? '', 'utf8'),
) as readonly SimulatedIdentity[];
const targets = (process.env['TARGETS'] ?? '').split(',');
const ca = readFileSync(process.env['CA'] ?? '', 'utf8');
const keys = new VerificationKeys(Buffer.from(identities[0]?.rootPublicKey ?? '', 'base64'));
/** Hash of what was signed to the signature that is good for it. */
const verified = new Map<string, string>();

function verify(frame: FrameMessage): void {
  const bodySha256 = createHash('sha256').update(frame.body).digest();
  const bytes = frameSigned(frame, bodySha256);
  const name = createHash('sha256').update(bytes).digest('base64');
  const signature = Buffer.from(frame.signature).toString('base64');
  if (verified.get(name) === signature) return;
  const verdict = keys.verify({
    purpose: 'lane-revoke',
    keyId: frame.keyId,
    bytes,
    signature: frame.signature,
    nowMs: Date.now(),
  });
  if (verdict !== 'ok') throw new Error(`frame ${frame.rev}: ${verdict}`);
  if (verified.size >= verifiedMax) verified.clear();
  verified.set(name, signature);
}

type Stream = ClientDuplexStream<SyncRequest, SyncResponse>;

function send(stream: Stream, message: SyncRequest['message']): void {
  stream.write(create(SyncRequestSchema, { message }));
}

function ack(stream: Stream, { epoch, rev }: Position, startedAt: number): void {
  send(stream, {
    case: 'ack',
    value: {
      $typeName: 'sallyport.v1.Ack',
      lane: revokeLane,
      position: { $typeName: 'sallyport.v1.Position', epoch: BigInt(epoch), rev: BigInt(rev) },
      stage: AckStage.ENFORCED,
      tookUs: BigInt(Math.round((performance.now() - startedAt) * 1_000)),
      path: StatePath.GRPC,
    },
  });
}

/** Opens the stream of one edge; resolves when its lane is resumed. */
function connect(identity: SimulatedIdentity, target: string): Promise<void> {
  const { certificatePem: cert, privateKeyPem: key } = identity;
  const context = createSecureContext({ ca, cert, key, minVersion: 'TLSv1.3' });
  const client = new EdgeSyncClient(target, credentials.createFromSecureContext(context), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
  });
  const stream = client.sync();
  return new Promise((resumed, failed) => {
    stream.on('error', (error: Error) => failed(error));
    stream.on('data', (response: SyncResponse) => {
      const message = readSyncResponse(response);
      if (message !== null) take(stream, message, resumed);
    });
    send(stream, {
      case: 'hello',
      value: {
        $typeName: 'sallyport.v1.Hello',
        protocol: 1,
        softwareVersion: 'simulated',
        region: 'sim',
        labels: {},
        have: [{ $typeName: 'sallyport.v1.LanePosition', lane: revokeLane }],
      },
    });
  });
}

function take(stream: Stream, message: SyncMessage, resumed: () => void): void {
  const startedAt = performance.now();
  if (message.kind === 'keys') {
    for (const key of message.value.keys) keys.add(key);
  } else if (message.kind === 'manifest') {
    const { epoch, rev } = message.value.position;
    // It has them all: what is in them is not what is measured.
    send(stream, {
      case: 'fetch',
      value: {
        $typeName: 'sallyport.v1.Fetch',
        lane: revokeLane,
        position: { $typeName: 'sallyport.v1.Position', epoch: BigInt(epoch), rev: BigInt(rev) },
        shards: [],
      },
    });
    ack(stream, message.value.position, startedAt);
    resumed();
  } else if (message.kind === 'frame') {
    verify(message.value);
    ack(stream, message.value, startedAt);
  }
}

let next = 0;
async function work(): Promise<void> {
  for (let index = next++; index < identities.length; index = next++) {
    const identity = identities[index];
    const target = targets[index % targets.length];
    if (identity !== undefined && target !== undefined) await connect(identity, target);
  }
}

process.on('SIGTERM', () => process.exit(0));
await Promise.all(Array.from({ length: atOnce }, work));
process.stdout.write(`${identities.length}\n`);
