import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:tls';
import { type Authority, issueWithNewKey } from '@sallyport/shared/pki/issue';
import { afterAll } from 'vitest';

/** One message, taken apart strictly by the grammar of RFC 5424. */
export interface SyslogMessage {
  readonly priority: number;
  readonly timestamp: string;
  readonly host: string;
  readonly app: string;
  readonly process: string;
  readonly id: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly text: string;
  readonly bytes: number;
}

export interface SyslogReceiver {
  readonly port: number;
  /** What connections that were closed in order brought. */
  readonly messages: SyslogMessage[];
  /** What it does with a connection from now on. */
  behave(with_: 'take' | 'reset' | 'stand still' | 'keep open'): void;
  readonly connections: () => number;
}

const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

/** A syslog server over TLS on a port of its own, with a certificate for `host`. */
export async function syslogReceiver(authority: Authority, host: string): Promise<SyslogReceiver> {
  const tls = await issueWithNewKey(authority, {
    commonName: host,
    dns: [host],
    usage: 'server',
    days: 1,
  });
  const messages: SyslogMessage[] = [];
  const sockets = new Set<Socket>();
  let behaviour: Parameters<SyslogReceiver['behave']>[0] = 'take';
  let connections = 0;
  const server = createServer(
    { cert: tls.certificatePem, key: tls.privateKeyPem, allowHalfOpen: true },
    (socket) => {
      connections += 1;
      socket.on('error', () => undefined);
      if (behaviour === 'stand still') return;
      const chunks: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => {
        // With more on its way, that is a reset.
        if (behaviour === 'reset') socket.destroy();
        chunks.push(chunk);
      });
      socket.on('end', () => {
        messages.push(...framesOf(Buffer.concat(chunks)).map(parseMessage));
        if (behaviour !== 'keep open') socket.end();
      });
    },
  );
  server.on('tlsClientError', () => undefined);
  // Also of connections that never come so far as TLS.
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return {
    port: (server.address() as AddressInfo).port,
    messages,
    behave(next) {
      behaviour = next;
    },
    connections: () => connections,
  };
}

/** `MSG-LEN SP SYSLOG-MSG`, one after the other and nothing between them (RFC 5425, 4.3). */
function framesOf(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = bytes.toString('latin1', at, space);
    if (!/^[1-9]\d{0,5}$/.test(length)) throw new Error(`no length of a frame: ${length}`);
    const end = space + 1 + Number(length);
    if (end > bytes.length) throw new Error('a frame is cut off');
    frames.push(bytes.subarray(space + 1, end));
    at = end;
  }
  return frames;
}

const header =
  /^<(0|[1-9]\d{0,2})>1 (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) ([\x21-\x7e]{1,255}) ([\x21-\x7e]{1,48}) ([\x21-\x7e]{1,128}) ([\x21-\x7e]{1,32}) \[([\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32})/;
const parameter = /^ ([\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32})="((?:[^"\\\]]|\\["\\\]])*)"/s;

export function parseMessage(bytes: Buffer): SyslogMessage {
  const whole = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  const head = header.exec(whole);
  if (head === null) throw new Error(`no header: ${whole.slice(0, 200)}`);
  const [all, priority = '', timestamp = '', host = '', app = '', process = '', id = ''] = head;
  let rest = whole.slice(all.length);
  const parameters: Record<string, string> = {};
  for (let found = parameter.exec(rest); found !== null; found = parameter.exec(rest)) {
    const [part, name = '', value = ''] = found;
    parameters[name] = value.replaceAll(/\\(["\\\]])/g, '$1');
    rest = rest.slice(part.length);
  }
  if (!rest.startsWith('] ')) throw new Error(`no end of the structured data: ${rest}`);
  if (Number(priority) > 191) throw new Error(`no priority: ${priority}`);
  const text = rest.slice(2);
  return {
    priority: Number(priority),
    timestamp,
    host,
    app,
    process,
    id,
    parameters,
    text,
    bytes: bytes.length,
  };
}
