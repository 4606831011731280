import { expect } from 'vitest';
import { type Call, type Http1Client, RawClient, type RawResponse } from './client.ts';
import { callOver, connectOver, type Http2Client, type Protocol } from './client-h2.ts';
import { testDocuments } from './documents.ts';
import type { TestEdge } from './edge.ts';
import type { Identity } from './pki.ts';

/** A request without a body: its line, its header lines, and the empty line behind them. */
export function requestText(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** The header lines among the bytes, their names in lower case: HTTP/2 knows no other spelling. */
export function linesIn(bytes: string): readonly string[] {
  const lines = bytes.split('\r\n').filter((line) => /^[^ :]+: /.test(line));
  return lines.map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()));
}

/**
 * The common oracle of the list of abuse, for somebody who may pass: what is refused reaches no
 * upstream, is recorded once with its reason, closes the connection, and harms nobody who comes next.
 */
export class Oracle {
  readonly edge: TestEdge;
  readonly host: string;
  readonly cookie: string;
  readonly device: Identity;
  readonly protocol: Protocol;

  constructor(edge: TestEdge, host: string, cookie: string, device: Identity, protocol: Protocol) {
    this.edge = edge;
    this.protocol = protocol;
    this.host = host;
    this.cookie = cookie;
    this.device = device;
  }

  static async of(
    edge: TestEdge,
    userId = 'usr_alice',
    host = 'app.corp.test',
    device: 'laptop' | 'other' = 'laptop',
    protocol: Protocol = 'http/1.1',
  ): Promise<Oracle> {
    const cookie = await edge.session(userId, `dev_${device}`, host);
    return new Oracle(edge, host, cookie, edge[device], protocol);
  }

  /** One request of theirs on a connection of its own, and its response. */
  call(options: Call = {}): Promise<RawResponse> {
    const { cookie, device, edge, host, protocol } = this;
    return callOver[protocol](edge, { host, device, cookie, ...options });
  }

  /** A connection of theirs; whoever asks something over it says by what cookie. */
  client(): Promise<Http1Client | Http2Client> {
    return connectOver[this.protocol](this.edge, this.host, this.device);
  }

  /** A request of theirs, as it is written in HTTP/1.1. */
  request(line: string, ...lines: readonly string[]): string {
    return requestText(line, `Host: ${this.host}`, `Cookie: ${this.cookie}`, ...lines);
  }

  connect(): Promise<RawClient> {
    return RawClient.connect(this.edge, this.host, this.device);
  }

  /** Sends the bytes on a connection of their own, and reads one response. */
  async send(bytes: string): Promise<{ client: RawClient; response: RawResponse }> {
    const client = await this.connect();
    client.send(bytes);
    return { client, response: await client.response() };
  }

  /** The bytes are no request that is decided on; gives the reason. */
  async refused(bytes: string, ...statuses: readonly number[]): Promise<string> {
    const { edge } = this;
    const { client, response } = await this.send(bytes);
    expect(statuses).toContain(response.status);
    await client.closed();
    return refusalOf(edge, response.status);
  }

  /** The same of what both protocols can say; 0: the stream was reset. */
  async refuses(options: Call, ...statuses: readonly number[]): Promise<string> {
    const { status } = await this.call(options);
    expect(statuses).toContain(status);
    return refusalOf(this.edge, status);
  }

  /** Waits until nothing is under way, and checks that the next request is served. */
  async alive(): Promise<void> {
    await this.edge.settle();
    expect((await this.call({ path: '/alive' })).status).toBe(200);
    await this.edge.settle();
  }
}

/** Nothing of it has reached an upstream, and it is recorded once, with a reason. */
async function refusalOf({ records, upstream }: TestEdge, status: number): Promise<string> {
  expect(upstream.bytes).toBe('');
  await expect.poll(() => records.all.length).toBe(1);
  const [record] = records.all;
  expect(record).toMatchObject({ outcome: 'refused', status });
  return record?.reasons[0] ?? '';
}

/** Takes a configuration with these routes besides the usual ones. */
export async function withRoutes(
  edge: TestEdge,
  ...routes: readonly {
    readonly name: string;
    readonly match: readonly { readonly host: string; readonly path?: string }[];
    readonly policies: readonly string[];
    readonly spec?: object;
  }[]
): Promise<void> {
  const more = routes.map(({ name, match, policies, spec }) => ({
    apiVersion: 'sallyport.dev/v1' as const,
    kind: 'Route' as const,
    metadata: { name },
    spec: {
      match: [...match],
      policies: [...policies],
      upstream: {
        url: `https://upstream.corp.localhost:${edge.upstream.port}`,
        trustBundle: 'upstreams',
      },
      ...spec,
    },
  }));
  const { pki, upstream } = edge;
  await edge.apply('config', ...edge.configuration(testDocuments(pki, upstream.port, more)));
}
