import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';

/**
 * The cheapest upstream that agrees to WebSockets over TLS and sends back what a frame of one byte
 * holds; any other request is answered with 1 KiB.
 */
const magic = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const body = 'x'.repeat(1024);
const answer = `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
/** Final, text, masked, one byte: two bytes of head, four of mask. */
const frameBytes = 7;

function agree(key: string): string {
  const accept = createHash('sha1').update(`${key}${magic}`).digest('base64');
  const lines = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
  return `HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`;
}

const server = createServer(
  {
    cert: readFileSync(process.env['CERT'] ?? ''),
    key: readFileSync(process.env['KEY'] ?? ''),
    minVersion: 'TLSv1.3',
  },
  (socket) => {
    let isWebSocket = false;
    let text = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      if (isWebSocket) {
        if (chunk.length !== frameBytes) return;
        socket.write(Buffer.from([0x81, 1, (chunk[2] ?? 0) ^ (chunk[6] ?? 0)]));
        return;
      }
      text += chunk.toString('latin1');
      if (!text.endsWith('\r\n\r\n')) return;
      const key = /\r\nsec-websocket-key: *(\S+)/i.exec(text)?.[1];
      text = '';
      isWebSocket = key !== undefined;
      socket.write(key === undefined ? answer : agree(key));
    });
  },
);
server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
process.on('SIGTERM', () => process.exit(0));
