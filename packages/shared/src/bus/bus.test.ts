import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLog } from '../log.ts';
import { createAuthority, issueWithNewKey } from '../pki/issue.ts';
import { startTestNats, type TestNats } from '../testing/nats-server.ts';
import { type Bus, type BusEvent, busSubjects, connectBus } from './bus.ts';
import type { BusCredentials } from './connection.ts';
import { greets, parseBusServer } from './server.ts';

/** Processes are started and connections lost; on a busy machine that takes a while. */
const limits = { timeout: 30_000 };
const backoff = { firstMs: 50, maxMs: 200 };
const wait = { timeout: 10_000, interval: 20 };
const text = (payload: Uint8Array): string => Buffer.from(payload).toString();

let nats: TestNats;
const opened: Bus[] = [];
beforeAll(async () => {
  nats = await startTestNats();
}, 30_000);
afterAll(async () => {
  for (const bus of opened) await bus.close();
  await nats.close();
});

interface Client {
  readonly bus: Bus;
  readonly events: BusEvent[];
  readonly heard: string[];
  /** What the log says. */
  readonly lines: string[];
}

function client(
  credentials: BusCredentials,
  { url = nats.url, pingMs = 5_000 }: { readonly url?: string; readonly pingMs?: number } = {},
): Client {
  const events: BusEvent[] = [];
  const heard: string[] = [];
  const lines: string[] = [];
  const bus = connectBus({
    servers: [url],
    credentials: () => credentials,
    name: 'test',
    log: createLog('warn', {}, (line) => lines.push(line)),
    onEvent: (event) => events.push(event),
    backoff,
    pingMs,
  });
  bus.subscribe(busSubjects.all, (payload, subject) => heard.push(`${subject} ${text(payload)}`));
  opened.push(bus);
  return { bus, events, heard, lines };
}

/** Tried, and was not let in. */
async function refused(...clients: readonly Client[]): Promise<void> {
  for (const { bus, events, lines } of clients) {
    await expect.poll(() => lines.join(), wait).toContain('bus.unreachable');
    const line = lines.find((one) => one.includes('bus.unreachable')) ?? '{}';
    const { problem, error } = JSON.parse(line) as Record<string, unknown>;
    expect([problem, error]).toEqual([expect.stringMatching(/./), undefined]);
    expect([events, bus.connected()]).toEqual([[], false]);
  }
}

const plane = async (): Promise<BusCredentials> => nats.credentials('sallyport-control-plane');
const edge = async (): Promise<BusCredentials> => nats.credentials('sallyport-edge');
const kinds = ({ events }: Client): string[] => events.map((event) => event.kind);

async function connected(...clients: readonly Client[]): Promise<void> {
  for (const { bus } of clients) await expect.poll(() => bus.connected(), wait).toBe(true);
}

/** Speaks until it is heard: a subscription may reach the server after a publication. */
async function reaches(from: Client, to: Client, word: string): Promise<void> {
  await expect
    .poll(() => {
      from.bus.publish(busSubjects.revoke, Buffer.from(word));
      return to.heard;
    }, wait)
    .toContain(`${busSubjects.revoke} ${word}`);
}

describe('the bus', limits, () => {
  test('carries what a control plane says to edges and to other control planes', async () => {
    const [speaker, other, listener] = [
      client(await plane()),
      client(await plane()),
      client(await edge()),
    ];
    await connected(speaker, other, listener);
    await reaches(speaker, listener, 'one');
    await reaches(speaker, other, 'two');
  });

  test('drops what is published without a connection, and says so', async () => {
    const { bus } = client(await plane(), { url: 'tls://127.0.0.1:1' });
    expect(bus.publish(busSubjects.revoke, Buffer.from('lost'))).toBe(false);
    expect(bus.connected()).toBe(false);
  });

  test('drops what is larger than the server takes, and goes on', async () => {
    const [speaker, listener] = [client(await plane()), client(await edge())];
    await connected(speaker, listener);
    expect(speaker.bus.publish(busSubjects.config, Buffer.alloc(5 * 1024 * 1024))).toBe(false);
    await reaches(speaker, listener, 'after');
  });

  test('comes back after the server was killed, with its subscriptions', async () => {
    const [speaker, listener] = [client(await plane()), client(await edge())];
    await connected(speaker, listener);
    await nats.kill();
    for (const one of [speaker, listener]) {
      await expect.poll(() => kinds(one), wait).toEqual(['connected', 'disconnected']);
    }
    expect(speaker.bus.publish(busSubjects.revoke, Buffer.alloc(1))).toBe(false);
    await nats.start();
    await connected(speaker, listener);
    await reaches(speaker, listener, 'again');
  });

  test('gives up a server that answers no ping, and comes back when it does', async () => {
    const [speaker, listener] = [
      client(await plane(), { pingMs: 200 }),
      client(await edge(), { pingMs: 200 }),
    ];
    await connected(speaker, listener);
    nats.pause();
    try {
      await expect
        .poll(() => speaker.bus.connected() || listener.bus.connected(), wait)
        .toBe(false);
      expect(listener.events.at(-1)).toMatchObject({ reason: 'no answer to a ping' });
    } finally {
      nats.resume();
    }
    await connected(speaker, listener);
    await reaches(speaker, listener, 'resumed');
  });

  test('keeps no more than a bound for a server that takes nothing', async () => {
    const speaker = client(await plane());
    await connected(speaker);
    nats.pause();
    try {
      const payload = Buffer.alloc(1024 * 1024);
      const taken = Array.from({ length: 64 }, () =>
        speaker.bus.publish(busSubjects.config, payload),
      ).filter(Boolean);
      expect(taken.length).toBeLessThanOrEqual(4);
    } finally {
      nats.resume();
    }
    await expect
      .poll(() => speaker.bus.publish(busSubjects.config, Buffer.from('x')), wait)
      .toBe(true);
  });

  test('survives a listener that throws', async () => {
    const [speaker, listener] = [client(await plane()), client(await edge())];
    listener.bus.subscribe(busSubjects.revoke, () => {
      throw new Error('a listener of the test failed');
    });
    await connected(speaker, listener);
    await reaches(speaker, listener, 'first');
    await reaches(speaker, listener, 'second');
    expect(listener.lines.join()).toContain('bus.listener_failed');
  });

  test('uses the next server where one is gone', async () => {
    const credentials = await edge();
    const bus = connectBus({
      servers: ['tls://127.0.0.1:1', nats.url],
      credentials: () => credentials,
      name: 'test',
      log: createLog('error'),
      backoff,
    });
    opened.push(bus);
    await expect.poll(() => bus.connected(), wait).toBe(true);
  });
});

describe('a hostile peer of the bus (abuse row 118)', limits, () => {
  test.each(['revoke', 'config', 'heartbeat'] as const)(
    'an edge that publishes on %s is refused, and nobody hears it',
    async (lane) => {
      const [hostile, listener, speaker] = [
        client(await edge()),
        client(await edge()),
        client(await plane()),
      ];
      await connected(hostile, listener, speaker);
      await reaches(speaker, listener, 'before');
      hostile.bus.publish(busSubjects[lane], Buffer.from('forged'));
      await expect
        .poll(() => hostile.events, wait)
        .toContainEqual({ kind: 'forbidden', operation: 'publish', subject: busSubjects[lane] });
      await reaches(speaker, listener, 'behind');
      expect(listener.heard.join()).not.toContain('forged');
    },
  );

  test.each(['>', '*', '_INBOX.>', '$SYS.>', 'sallyport.>'])(
    'an edge cannot listen on %s',
    async (subject) => {
      const hostile = client(await edge());
      hostile.bus.subscribe(subject, () => undefined);
      await connected(hostile);
      await expect
        .poll(() => hostile.events, wait)
        .toContainEqual({ kind: 'forbidden', operation: 'subscription', subject });
    },
  );

  test.each(['sallyport.v1.other', 'sallyport.v2.revoke', '$SYS.REQ.SERVER.PING', '_INBOX.x'])(
    'a control plane cannot publish on %s',
    async (subject) => {
      const speaker = client(await plane());
      await connected(speaker);
      speaker.bus.publish(subject, Buffer.from('x'));
      await expect
        .poll(() => speaker.events, wait)
        .toContainEqual({ kind: 'forbidden', operation: 'publish', subject });
    },
  );

  test('nobody is let in without a certificate of the authority, or with a name that has no role', async () => {
    const known = await edge();
    const stranger = await createAuthority({ name: 'somebody else', days: 1 });
    const order = { commonName: 'sallyport-control-plane', usage: 'client', days: 1 } as const;
    const foreign = await issueWithNewKey(stranger, order);
    const server = await issueWithNewKey(nats.clients, { ...order, usage: 'server' });
    const nameless = await issueWithNewKey(nats.clients, { ...order, commonName: 'edg_1' });
    const clients = [foreign, server, nameless].map(({ certificatePem, privateKeyPem }) =>
      client({ ca: nats.ca, certificate: certificatePem, privateKey: privateKeyPem }),
    );
    await connected(client(known));
    await refused(...clients);
  });

  test('a server with a certificate of another authority or name is not believed', async () => {
    const credentials = await edge();
    const other = await createAuthority({ name: 'somebody else', days: 1 });
    const fooled = [
      client({ ...credentials, ca: other.certificatePem }),
      // The certificate says localhost, and an address is no name.
      client(credentials, { url: nats.url.replace('localhost', '127.0.0.1') }),
    ];
    await connected(client(credentials));
    await refused(...fooled);
  });
});

describe('a server of the bus', () => {
  test.each([
    'nats://localhost:4222',
    'localhost:4222',
    'tls://',
    'tls://user:secret@localhost:4222',
    'https://localhost',
  ])('is not named by %s', (url) => {
    expect(() => parseBusServer(url)).toThrow(TypeError);
  });

  test('is named by host and port, or by host alone', () => {
    expect(parseBusServer('tls://bus.corp.test:4333')).toMatchObject({ port: 4333 });
    expect(parseBusServer('tls://[::1]')).toMatchObject({ host: '::1', port: 4222 });
  });

  test('that accepts and says nothing is none, and costs no socket', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const left = new Promise((resolve) => {
      silent.on('connection', (socket) => socket.on('close', resolve).on('error', () => undefined));
    });
    expect(await greets({ url: '', host: '127.0.0.1', port }, 50)).toBe(false);
    await left;
    silent.close();
  });
});
