import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:tls';

/**
 * A program: clients of an edge that begin to read large answers over HTTP/1.1 and HTTP/2, and as
 * many WebSockets, and go on reading whatever comes.
 */
const [host = '', port = '', servername = '', count = ''] = process.argv.slice(2);
const endpoint = { host, port: Number(port), servername, rejectUnauthorized: false };
const handshake = [
  `GET /chat HTTP/1.1\r\nHost: ${servername}\r\nConnection: Upgrade\r\nUpgrade: websocket`,
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
].join('\r\n');

async function overHttp1(bytes: string): Promise<void> {
  const socket = connect({ ...endpoint, ALPNProtocols: ['http/1.1'] });
  socket.on('error', () => undefined);
  socket.write(bytes);
  await once(socket, 'data');
}

async function overHttp2(): Promise<void> {
  const session: ClientHttp2Session = connectHttp2(`https://${servername}`, {
    createConnection: () => connect({ ...endpoint, ALPNProtocols: ['h2'] }),
  });
  session.on('error', () => undefined);
  const stream = session.request({ ':path': '/large' });
  stream.on('error', () => undefined);
  await once(stream, 'data');
}

const clients = Array.from({ length: Number(count) }, () => [
  overHttp1(`GET /large HTTP/1.1\r\nHost: ${servername}\r\n\r\n`),
  overHttp2(),
  overHttp1(handshake),
]);
await Promise.all(clients.flat());
process.stdout.write('reading\n');
