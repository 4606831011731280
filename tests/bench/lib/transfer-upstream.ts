import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { streamOut } from './stream-out.ts';

/**
 * An upstream for large bodies over TLS: `GET /large` is answered with `BYTES` of them, any other
 * `GET` with two, any other method when its body is there. One request at a time on a connection.
 */
const bytes = Number(process.env['BYTES']);
const headEnd = Buffer.from('\r\n\r\n');
const common = 'HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\n';
const short = `${common}content-length: 2\r\n\r\nok`;

function serve(socket: TLSSocket): void {
  let head: Buffer = Buffer.alloc(0);
  let missing = 0;
  const received = (length: number): void => {
    missing -= length;
    if (missing === 0) socket.write(short);
  };
  socket.on('data', (chunk: Buffer) => {
    if (missing > 0) {
      received(chunk.length);
      return;
    }
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    const end = head.indexOf(headEnd);
    if (end < 0) return;
    const text = head.toString('latin1', 0, end);
    const begun = head.length - end - headEnd.length;
    head = Buffer.alloc(0);
    if (text.startsWith('GET /large ')) {
      socket.write(`${common}content-length: ${bytes}\r\n\r\n`);
      streamOut(socket, bytes);
    } else if (text.startsWith('GET ')) {
      socket.write(short);
    } else {
      missing = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1]);
      received(begun);
    }
  });
  socket.on('error', () => socket.destroy());
}

const server = createServer(
  {
    cert: readFileSync(process.env['CERT'] ?? ''),
    key: readFileSync(process.env['KEY'] ?? ''),
    minVersion: 'TLSv1.3',
    // The same in front of every side.
    ciphers: 'TLS_AES_128_GCM_SHA256',
  },
  serve,
);
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
process.on('SIGTERM', () => process.exit(0));
