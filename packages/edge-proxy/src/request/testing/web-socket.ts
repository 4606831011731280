import { createHash } from 'node:crypto';
import type { Script } from './recorder.ts';

const webSocketKey = 'dGhlIHNhbXBsZSBub25jZQ==';

/** The header lines of a handshake. */
export function handshakeOf(version: string): readonly string[] {
  const key = `Sec-WebSocket-Key: ${webSocketKey}`;
  return ['Connection: Upgrade', 'Upgrade: websocket', key, `Sec-WebSocket-Version: ${version}`];
}

export const handshake = handshakeOf('13');

export function webSocketRequest(cookie: string): string {
  const lines = ['GET /chat HTTP/1.1', 'Host: app.corp.test', `Cookie: ${cookie}`, ...handshake];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** An upstream that agrees to a WebSocket, and tries to leave a cookie of ours. */
export const agree: Script = (head) => {
  const key = /^sec-websocket-key: (.*)$/im.exec(head)?.[1]?.trim() ?? '';
  const accept = createHash('sha1')
    .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  return [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    'Set-Cookie: __Host-sallyport=stolen',
    '',
    '',
  ].join('\r\n');
};
