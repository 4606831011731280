import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { create } from '@bufbuild/protobuf';
import { FetchSecretsRequestSchema } from '@sallyport/proto';
import { status } from '@sallyport/proto/grpc';
import { localhostLookup } from '@sallyport/shared/network/lookup';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type EdgeWorld, type JoinedEdge, startEdgeWorld } from '../testing/edge-world.ts';

let world: EdgeWorld;
let edge: JoinedEdge;

beforeAll(async () => {
  world = await startEdgeWorld();
});

beforeEach(async () => {
  edge = await world.joinEdge();
});

const service = '/sallyport.v1.EdgeSync';

function openTls(options: Record<string, unknown> = {}): TLSSocket {
  const socket = connectTls({
    host: '127.0.0.1',
    port: world.server.address.port,
    servername: 'localhost',
    ca: world.seed.authorities.edge.certificatePem,
    cert: edge.identity.certificatePem,
    key: edge.identity.privateKeyPem,
    ALPNProtocols: ['h2'],
    ...options,
  });
  socket.on('error', () => undefined);
  return socket;
}

/** Closed by the other side, in whatever way. */
function closed(socket: TLSSocket): Promise<void> {
  socket.resume();
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

function openHttp2(): ClientHttp2Session {
  const session = connectHttp2(`https://localhost:${world.server.address.port}`, {
    ca: world.seed.authorities.edge.certificatePem,
    cert: edge.identity.certificatePem,
    key: edge.identity.privateKeyPem,
    lookup: localhostLookup,
  } as Parameters<typeof connectHttp2>[1]);
  session.on('error', () => undefined);
  return session;
}

interface Sent {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly chunks: readonly Uint8Array[];
}

/** Sends bytes as the body of a call; gives the gRPC status, or the HTTP status if there is none. */
async function send({ method = 'FetchSecrets', headers = {}, chunks }: Sent): Promise<number> {
  const session = openHttp2();
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': `${service}/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    let answer = -1;
    stream.on('error', () => undefined);
    stream.on('response', (fields) => {
      answer = Number(fields['grpc-status'] ?? fields[':status']);
    });
    stream.on('trailers', (fields) => {
      answer = Number(fields['grpc-status'] ?? answer);
    });
    stream.on('data', () => undefined);
    for (const chunk of chunks) if (!stream.destroyed) stream.write(chunk);
    stream.end();
    await once(stream, 'close');
    return answer;
  } finally {
    session.destroy();
  }
}

/** A gRPC message: compressed or not, its length, its bytes. */
function message(body: Uint8Array, compressed = false, length = body.length): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed ? 1 : 0, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, body]);
}

async function stillServes(): Promise<void> {
  const request = create(FetchSecretsRequestSchema, { ids: ['cookie-ring'] });
  const { secrets } = await edge.client.unary('fetchSecrets', request, 10_000);
  expect(secrets).toHaveLength(1);
}

describe('the gRPC listener', () => {
  it('speaks TLS 1.3 and h2 alone, and resumes no session', async () => {
    const old = openTls({ maxVersion: 'TLSv1.2' });
    await closed(old);
    expect(old.authorized).toBe(false);
    await closed(openTls({ ALPNProtocols: ['http/1.1'] }));
    await closed(openTls({ ALPNProtocols: undefined }));
    const good = openTls();
    const sessions: Buffer[] = [];
    good.on('session', (session: Buffer) => sessions.push(session));
    await once(good, 'secureConnect');
    expect(good.getProtocol()).toBe('TLSv1.3');
    good.destroy();
    for (const session of sessions) {
      const again = openTls({ session });
      await once(again, 'secureConnect');
      expect(again.isSessionReused()).toBe(false);
      again.destroy();
    }
    await stillServes();
  });

  it('lives through bytes that are no TLS and frames that are no HTTP/2', async () => {
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    const bodies = [
      Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      Buffer.alloc(65_536, 0xff),
      Buffer.concat([preface, Buffer.alloc(4_096, 0xff)]),
      // A SETTINGS frame with a length that is no multiple of six.
      Buffer.concat([preface, Buffer.from([0, 0, 5, 4, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5])]),
      // HEADERS on stream 0.
      Buffer.concat([preface, Buffer.from([0, 0, 1, 1, 4, 0, 0, 0, 0, 0x82])]),
    ];
    for (const body of bodies) {
      const socket = openTls();
      await once(socket, 'secureConnect');
      socket.end(body);
      await closed(socket);
    }
    await stillServes();
  });
});

describe('a call', () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  /** Group tags within group tags: 1 byte of the message for each level. */
  const deep = Buffer.alloc(1_000_000, 0x0b);
  const cases: Record<string, Sent & { readonly wanted: readonly number[] }> = {
    'of an unknown method': {
      method: 'Nothing',
      chunks: [message(new Uint8Array())],
      wanted: [status.UNIMPLEMENTED],
    },
    'of another content type': {
      headers: { 'content-type': 'text/html' },
      chunks: [],
      wanted: [415],
    },
    'with bytes that are no message': {
      chunks: [message(Buffer.from([0xff, 0xff, 0xff, 0xff]))],
      wanted: [status.INTERNAL],
    },
    'with a length beyond the limit': {
      chunks: [message(new Uint8Array(10), false, 0xffffffff)],
      wanted: [status.RESOURCE_EXHAUSTED],
    },
    'with a compression bomb': {
      headers: { 'grpc-encoding': 'gzip' },
      chunks: [message(bomb, true)],
      wanted: [status.RESOURCE_EXHAUSTED],
    },
    'with broken compression': {
      headers: { 'grpc-encoding': 'gzip' },
      chunks: [message(Buffer.from('not gzip at all'), true)],
      wanted: [status.INTERNAL],
    },
    'with an unknown compression': {
      headers: { 'grpc-encoding': 'brotli' },
      chunks: [message(Buffer.from('x'), true)],
      wanted: [status.UNIMPLEMENTED],
    },
    'with a message that nests a million deep': {
      chunks: [message(deep)],
      wanted: [status.INTERNAL],
    },
    'with a timeout that is none': {
      headers: { 'grpc-timeout': 'soon' },
      chunks: [message(new Uint8Array())],
      wanted: [status.INTERNAL],
    },
    'with a message in 1-byte pieces': {
      chunks: [...message(Buffer.from('\x0a\x0bcookie-ring'))].map((byte) => Buffer.from([byte])),
      wanted: [status.OK],
    },
    'of a stream that begins with rubbish': {
      method: 'Sync',
      chunks: [message(Buffer.from([0x0a, 0xff]))],
      wanted: [status.INTERNAL],
    },
    'of a stream whose first message is empty': {
      method: 'Sync',
      chunks: [message(new Uint8Array())],
      wanted: [status.INVALID_ARGUMENT],
    },
    'of a stream that fetches before it says Hello': {
      method: 'Sync',
      // fetch { lane: REVOKE }
      chunks: [message(Buffer.from([0x22, 0x02, 0x08, 0x01]))],
      wanted: [status.INVALID_ARGUMENT],
    },
    'of a stream with a Hello that names a lane twice': {
      method: 'Sync',
      // hello { protocol: 1 have { lane: REVOKE } have { lane: REVOKE } }
      chunks: [
        message(
          Buffer.from([0x0a, 0x0a, 0x08, 0x01, 0x2a, 0x02, 0x08, 0x01, 0x2a, 0x02, 0x08, 0x01]),
        ),
      ],
      wanted: [status.INVALID_ARGUMENT],
    },
    'of a stream with a Hello that names no lane of ours': {
      method: 'Sync',
      chunks: [message(Buffer.from([0x0a, 0x06, 0x08, 0x01, 0x2a, 0x02, 0x08, 0x63]))],
      wanted: [status.INVALID_ARGUMENT],
    },
    'that names the prototype in a map': {
      method: 'Join',
      // labels { key: "__proto__" value: "x" }
      chunks: [message(Buffer.from('\x1a\x0e\x0a\x09__proto__\x12\x01x'))],
      wanted: [status.UNAUTHENTICATED],
    },
  };

  for (const [name, { wanted, ...sent }] of Object.entries(cases)) {
    it(`${name} gets a status, and the process lives`, async () => {
      expect(wanted).toContain(await send(sent));
      await stillServes();
      expect(({} as Record<string, unknown>)['x']).toBe(undefined);
    });
  }

  it('that is reset at every stage leaves the process alive', async () => {
    const session = openHttp2();
    for (const method of ['Sync', 'Record', 'FetchSecrets', 'CompleteSignIn']) {
      for (const body of [null, message(new Uint8Array(3), false, 3_000)]) {
        const stream = session.request({
          ':method': 'POST',
          ':path': `${service}/${method}`,
          'content-type': 'application/grpc',
          te: 'trailers',
        });
        stream.on('error', () => undefined);
        if (body !== null) stream.write(body);
        stream.close(constants.NGHTTP2_CANCEL);
        await once(stream, 'close');
      }
    }
    session.destroy();
    await stillServes();
  });
});
