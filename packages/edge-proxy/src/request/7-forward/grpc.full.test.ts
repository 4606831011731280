import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
} from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestEdge } from '../testing/edge.ts';
import { issue } from '../testing/pki.ts';
import { setUpstream } from '../testing/upstream-spec.ts';

/** A client of another make than the server: the C core from Debian against grpc-js. */

const python = '/usr/bin/python3';
const isThere = existsSync('/usr/lib/python3/dist-packages/grpc');
const script = join(import.meta.dirname, '..', 'testing', 'calls.py');

let edge: TestEdge;
let server: Server;
let cookie: string;
let folder: string;
/** What the server got, and how many calls were cancelled before they had ended. */
const asked: Metadata[] = [];
let cancelled = 0;
/** grpc-js says so of those too that have ended. */
const noteCancelled = (): void => {
  cancelled += 1;
};

const unary: handleUnaryCall<Buffer, Buffer> = (call, done) => {
  asked.push(call.metadata);
  const text = call.request.length < 10 ? call.request.toString() : '';
  const initial = new Metadata();
  initial.set('x-initial', 'here');
  initial.set('x-initial-bin', Buffer.from([1, 254]));
  call.sendMetadata(initial);
  const trailing = new Metadata();
  trailing.set('x-trailing', 'there');
  trailing.set('x-trailing-bin', Buffer.from([2, 253]));
  trailing.set('sallyport-assertion', 'forged');
  if (text === 'wait') {
    call.on('cancelled', noteCancelled);
    return;
  }
  if (text === 'fail') done({ code: 5, details: 'niets, 100 % née', metadata: trailing });
  else done(null, call.request, trailing);
};
const stream: handleServerStreamingCall<Buffer, Buffer> = (call) => {
  for (let count = 0; count < Number(call.request.toString()); count += 1) {
    call.write(Buffer.from(`number ${count}`));
  }
  call.end();
};
const collect: handleClientStreamingCall<Buffer, Buffer> = (call, done) => {
  const all: string[] = [];
  call.on('data', (message: Buffer) => all.push(message.toString()));
  call.on('end', () => done(null, Buffer.from(all.join(' '))));
};
const echo: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
  call.on('data', (message: Buffer) => {
    // Of calls that their client does not end.
    if (message.toString() === 'first') call.on('cancelled', noteCancelled);
    call.write(message);
  });
  call.on('end', () => call.end());
};

const as = (bytes: Buffer) => bytes;
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Calls/${name}`,
  requestStream,
  responseStream,
  requestSerialize: as,
  requestDeserialize: as,
  responseSerialize: as,
  responseDeserialize: as,
});

beforeAll(async () => {
  if (!isThere) return;
  edge = await TestEdge.start();
  folder = await mkdtemp(join(tmpdir(), 'sallyport-grpc-'));
  const { cert, key } = edge.laptop;
  const files = { ca: edge.pki.server.certificatePem, cert, key };
  for (const [name, pem] of Object.entries(files)) {
    await writeFile(join(folder, `${name}.pem`), pem, { mode: 0o600 });
  }
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
  server = new Server({ 'grpc.max_receive_message_length': 64 << 20 });
  server.addService(
    {
      Unary: method('Unary', false, false),
      Server: method('Server', false, true),
      Client: method('Client', true, false),
      Bidi: method('Bidi', true, true),
    },
    { Unary: unary, Server: stream, Client: collect, Bidi: echo },
  );
  const identity = await issue(edge.pki.upstream, {
    commonName: 'calls',
    dns: ['calls.corp.localhost'],
    usage: 'server',
    days: 5,
  });
  const credentials = ServerCredentials.createSsl(
    Buffer.from(edge.pki.edge.certificatePem),
    [{ cert_chain: Buffer.from(identity.cert), private_key: Buffer.from(identity.key) }],
    true,
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  await setUpstream(edge, { url: `https://calls.corp.localhost:${port}`, protocol: 'http2' });
});
afterAll(async () => {
  if (!isThere) return;
  await edge.stop();
  server.forceShutdown();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  if (!isThere) return;
  await edge.settle();
  asked.length = 0;
  cancelled = 0;
});

interface Said {
  readonly code?: string;
  readonly details?: string;
  readonly message?: string;
  readonly answer?: string;
  readonly answers?: readonly string[] | number;
  readonly same?: boolean;
  readonly initial?: readonly (readonly [string, string])[];
  readonly trailing?: readonly (readonly [string, string])[];
}

/** The scenario, as the client of the C core goes through it. */
class Client {
  readonly said: Said[] = [];
  readonly #process: ChildProcess;
  #wake: () => void = () => undefined;

  constructor(scenario: string, signedIn = true) {
    const args = [script, folder, String(edge.port), signedIn ? cookie : '', scenario];
    this.#process = spawn(python, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const { stdout } = this.#process;
    if (stdout === null) throw new Error('no output');
    createInterface({ input: stdout }).on('line', (line) => {
      this.said.push(JSON.parse(line) as Said);
      this.#wake();
    });
  }

  async first(): Promise<Said | undefined> {
    while (this.said.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.said[0];
  }

  /** What it said last, once it has ended. */
  async last(): Promise<Said> {
    if (this.#process.exitCode === null) await once(this.#process, 'close');
    expect(this.#process.exitCode).toBe(0);
    return this.said.at(-1) ?? {};
  }
}

const ended = async (scenario: string, signedIn = true): Promise<Client> => {
  const client = new Client(scenario, signedIn);
  await client.last();
  return client;
};

const patience = { timeout: 20_000 };

describe.skipIf(!isThere)('a client of gRPC of another make than the server', () => {
  it('calls, with metadata both ways, and reads trailers', async () => {
    const { said } = await ended('unary');
    expect(said[0]).toEqual({ answer: 'hello' });
    expect(said[1]).toMatchObject({ code: 'OK' });
    expect(said[1]?.initial).toContainEqual(['x-initial', 'here']);
    expect(said[1]?.initial).toContainEqual(['x-initial-bin', '01fe']);
    expect(said[1]?.trailing).toEqual([
      ['x-trailing', 'there'],
      ['x-trailing-bin', '02fd'],
    ]);
    const [got] = asked;
    expect(got?.get('x-asked')).toEqual(['one, two']);
    expect(got?.get('x-asked-bin')).toEqual([Buffer.from([0, 255])]);
    expect(got?.get('sallyport-assertion').length).toBe(1);
    expect(got?.get('cookie')).toEqual([]);
    await expect.poll(() => edge.records.all.length, patience).toBe(1);
    expect(edge.records.all[0]).toMatchObject({
      outcome: 'permit',
      path: '/test.Calls/Unary',
      status: 200,
      ending: 'complete',
    });
  });

  it('streams from the server, to it, and both ways in turn', async () => {
    const fromServer = await ended('server');
    expect(fromServer.said[0]?.answers).toEqual([0, 1, 2, 3, 4].map((count) => `number ${count}`));
    expect(fromServer.said[1]?.code).toBe('OK');
    expect((await ended('client')).said[0]).toEqual({ answer: '0 1 2 3 4' });
    expect((await ended('bidi')).said[0]).toEqual({ answers: ['0', '1', '2', '3', '4'] });
  });

  it('sends and gets messages of 32 MiB, and two hundred at once', async () => {
    expect((await ended('large')).said[0]).toEqual({ same: true });
    expect((await ended('many')).said[0]).toEqual({ answers: 200 });
  });

  it('hears of an error as the server said it', async () => {
    const [said] = (await ended('fails')).said;
    expect(said).toMatchObject({ code: 'NOT_FOUND', details: 'niets, 100 % née' });
    expect(said?.trailing).toContainEqual(['x-trailing', 'there']);
    expect(said?.trailing?.map(([name]) => name)).not.toContain('sallyport-assertion');
  });

  it('is told when its deadline is over, and so is the server', async () => {
    expect((await ended('deadline')).said[0]).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await expect.poll(() => cancelled, patience).toBe(1);
  });

  it('cancels, and the server hears of it', async () => {
    const { said } = await ended('cancel');
    expect(said).toEqual([{ message: 'first' }, { code: 'CANCELLED' }]);
    await expect.poll(() => cancelled, patience).toBe(1);
    await expect
      .poll(() => edge.records.all.map(({ ending }) => ending), patience)
      .toEqual(['client_closed']);
  });

  it('is denied in its own words', async () => {
    const { said } = await ended('stay', false);
    expect(said).toMatchObject([
      { code: 'UNAUTHENTICATED', details: 'session_required: You are not signed in.' },
    ]);
    await expect.poll(() => edge.records.all.length, patience).toBe(1);
    expect(edge.records.all[0]).toMatchObject({ outcome: 'sign_in', status: 401 });
  });

  it('is cut off in the middle of a stream once its user is revoked, and told why', async () => {
    const who = { kind: 'user', subjectId: 'usr_alice' } as const;
    const client = new Client('stay');
    expect(await client.first()).toEqual({ message: 'first' });
    const op = { op: 'block', revocationId: 'rev_call', expiresAtMs: null, ...who } as const;
    await edge.apply('revoke', op);
    expect(await client.last()).toMatchObject({
      code: 'PERMISSION_DENIED',
      details: 'user_revoked: Your account has been blocked.',
    });
    await expect.poll(() => cancelled, patience).toBe(1);
    await edge.apply('revoke', { op: 'lifted_block', revocationId: 'rev_call', ...who });
    await expect
      .poll(() => edge.records.all.map(({ ending }) => ending), patience)
      .toEqual(['revoked']);
  });
});
