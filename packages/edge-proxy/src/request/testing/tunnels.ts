import { once } from 'node:events';
import { expect } from 'vitest';
import { RawClient } from './client.ts';
import { Http2Client, type Protocol } from './client-h2.ts';
import { type Oracle, requestText } from './oracle.ts';
import { handshake } from './web-socket.ts';

/** The bytes of a WebSocket, as they come and go. */
export type Tunnel = Pick<RawClient, 'close' | 'closed' | 'received' | 'send' | 'take'>;

/** Opens a WebSocket of theirs to `/chat`, with these header lines besides. */
type Opening = (by: Oracle, headers?: readonly string[], cookie?: string) => Promise<Tunnel>;

export const webSocketOver: Readonly<Record<Protocol, Opening>> = {
  'http/1.1': async (by, headers = [], cookie = by.cookie) => {
    const client = await by.connect();
    const lines = [`Host: ${by.host}`, `Cookie: ${cookie}`, ...handshake, ...headers];
    client.send(requestText('GET /chat HTTP/1.1', ...lines));
    expect((await client.response()).status).toBe(101);
    return client;
  },
  h2: async (by, headers = [], cookie = by.cookie) => {
    const { edge, host, device } = by;
    const client = await Http2Client.worded(edge, host, device);
    const stream = client.open({ cookie, path: '/chat', webSocket: '13', headers });
    const [response] = (await once(stream, 'response')) as [Record<string, unknown>];
    expect(response[':status']).toBe(200);
    stream.once('end', () => stream.end());
    stream.once('close', () => client.close());
    return new RawClient(stream);
  },
};
