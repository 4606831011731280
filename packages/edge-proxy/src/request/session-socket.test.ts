import { once } from 'node:events';
import {
  connect as connectHttp2,
  performServerHandshake,
  type ServerHttp2Session,
} from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SessionSocket } from './session-socket.ts';

/** The next connection, as a session has it. */
class Session {
  readonly socket: Socket;
  readonly stream: SessionSocket;
  readonly session: ServerHttp2Session;

  constructor(socket: Socket) {
    this.socket = socket;
    this.stream = new SessionSocket(socket);
    socket.on('data', (chunk: Buffer) => this.stream.push(chunk));
    socket.on('close', () => this.stream.destroy());
    this.session = performServerHandshake(this.stream);
    this.session.on('error', () => undefined);
  }
}

const preface = Buffer.from(
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00',
  'latin1',
);
const server = createServer({ allowHalfOpen: true });
let port = 0;
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterAll(() => server.close());

let client: Socket;
let served: Session;
beforeEach(async () => {
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  client = connect(port, '127.0.0.1');
  served = new Session((await accepted)[0]);
});

describe('the connection of a session', () => {
  it('ends with the other side, though the session has something to say to it', async () => {
    const { session, socket, stream } = served;
    // As slow as an end over TLS.
    socket.end = ((done?: () => void) => {
      if (done !== undefined) setTimeout(done, 50);
      return socket;
    }) as typeof socket.end;
    const said: string[] = [];
    socket.on('end', () => {
      for (let turn = 0; turn < 3; turn += 1) {
        setImmediate(() => said.push(session.destroyed ? 'gone' : String(session.ping(() => 0))));
      }
    });
    client.end(preface);
    await once(stream, 'close');
    await expect.poll(() => said.length).toBe(3);
    client.destroy();
  });

  it('ends when the session does, once all that it said has left', async () => {
    client.write(preface);
    const bytes: Buffer[] = [];
    client.on('data', (chunk: Buffer) => bytes.push(chunk));
    await once(served.session, 'remoteSettings');
    served.session.close();
    await once(client, 'end');
    // Its settings, and its farewell.
    expect(Buffer.concat(bytes).length).toBeGreaterThan(9);
    client.destroy();
  });

  it('takes what is written behind its end, and drops it', async () => {
    const { stream } = served;
    const bytes: Buffer[] = [];
    client.on('data', (chunk: Buffer) => bytes.push(chunk));
    stream.end('last');
    await new Promise<void>((resolve) => stream.write('more', () => resolve()));
    await once(client, 'end');
    expect(Buffer.concat(bytes).toString('latin1').endsWith('last')).toBe(true);
    client.destroy();
  });

  it('carries requests both ways', async () => {
    client.destroy();
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    served = new Session((await accepted)[0]);
    served.session.on('stream', (stream) => {
      stream.respond({ ':status': 200 });
      stream.end('x'.repeat(100_000));
    });
    const stream = session.request({ ':path': '/' });
    let length = 0;
    for await (const chunk of stream) length += (chunk as Buffer).length;
    expect(length).toBe(100_000);
    session.close();
    await once(session, 'close');
  });
});
