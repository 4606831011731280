import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { call } from '../testing/client.ts';
import { Http2Client } from '../testing/client-h2.ts';
import { TestEdge } from '../testing/edge.ts';
import { withListener } from '../testing/listener-settings.ts';
import { protocolChooser } from './alpn.ts';

let edge: TestEdge;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
});
afterAll(() => edge.stop());
afterEach(() => edge.settle());

async function apply(listener: { readonly http2: boolean }): Promise<void> {
  await edge.apply('config', ...edge.configuration(withListener(edge, listener)));
}

/** What is agreed on; null: the handshake comes to nothing. */
async function agreed(...protocols: string[]): Promise<string | false | null> {
  const socket: TLSSocket = connect({
    host: '127.0.0.1',
    port: edge.port,
    servername: 'app.corp.test',
    ca: edge.pki.server.certificatePem,
    ...(protocols.length === 0 ? {} : { ALPNProtocols: protocols }),
  });
  try {
    await once(socket, 'secureConnect');
    return socket.alpnProtocol;
  } catch {
    return null;
  } finally {
    socket.destroy();
  }
}

describe('the protocol of a connection', () => {
  it('is the better one of those that a client offers', async () => {
    expect(await agreed('http/1.1', 'h2')).toBe('h2');
    expect(await agreed('h2')).toBe('h2');
    expect(await agreed('h3', 'http/1.1')).toBe('http/1.1');
    expect(await agreed()).toBe(false);
    expect(await agreed('h3', 'h2c')).toBeNull();
  });

  it('is asked for anew each time', () => {
    let on = true;
    const choose = protocolChooser(() => on);
    expect(choose({ protocols: ['h2', 'http/1.1'] })).toBe('h2');
    on = false;
    expect(choose({ protocols: ['h2', 'http/1.1'] })).toBe('http/1.1');
    expect(choose({ protocols: ['h2'] })).toBeUndefined();
  });

  it('is never HTTP/2 while the settings turn that off, also not of what is open', async () => {
    edge.upstream.script = () => null;
    const idle = await Http2Client.connect(edge);
    const busy = await Http2Client.connect(edge);
    const slow = busy.ask({ cookie, path: '/slow' });
    await expect.poll(() => edge.upstream.bytes).toContain('/slow');
    const told = once(busy.session, 'goaway');
    await apply({ http2: false });
    expect((await told)[0]).toBe(0);
    await idle.closed();
    expect(await agreed('h2', 'http/1.1')).toBe('http/1.1');
    expect(await agreed('h2')).toBeNull();
    await expect.poll(() => edge.records.all.at(-1)?.reasons).toEqual(['tls_failed']);
    // What is under way still has its answer.
    const upstream = edge.upstream.connections.find(({ bytes }) => bytes.includes('/slow'));
    upstream?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone');
    expect((await slow).body).toBe('done');
    await busy.closed();
    await expect.poll(() => edge.worker.http2().ended.switched_off).toBe(2);
    expect((await call(edge, { path: '/denied' })).status).toBe(401);
    await apply({ http2: true });
    expect(await agreed('h2', 'http/1.1')).toBe('h2');
  });
});
