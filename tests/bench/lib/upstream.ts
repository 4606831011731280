import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';

/**
 * The cheapest upstream that speaks HTTP/1.1 over TLS: counts ends of headers and answers each with
 * the same 1 KiB. It parses nothing, so that the proxies under test are what is measured.
 */
const body = 'x'.repeat(1024);
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
);
const endOfHeaders = Buffer.from('\r\n\r\n');

const server = createServer(
  {
    cert: readFileSync(process.env['CERT'] ?? ''),
    key: readFileSync(process.env['KEY'] ?? ''),
    minVersion: 'TLSv1.3',
  },
  (socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      let bytes: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      for (;;) {
        const end = bytes.indexOf(endOfHeaders);
        if (end < 0) break;
        socket.write(answer);
        bytes = bytes.subarray(end + endOfHeaders.length);
      }
      rest = bytes;
    });
  },
);
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
process.on('SIGTERM', () => process.exit(0));
