import { expect } from 'vitest';
import { call, RawClient, type RawResponse } from './client.ts';
import { testDocuments } from './documents.ts';
import type { TestEdge } from './edge.ts';
import type { Identity } from './pki.ts';

/** A request without a body: its line, its header lines, and the empty line behind them. */
export function requestText(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
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

  constructor(edge: TestEdge, host: string, cookie: string, device: Identity) {
    this.edge = edge;
    this.host = host;
    this.cookie = cookie;
    this.device = device;
  }

  static async of(
    edge: TestEdge,
    userId = 'usr_alice',
    host = 'app.corp.test',
    device: 'laptop' | 'other' = 'laptop',
  ): Promise<Oracle> {
    const cookie = await edge.session(userId, `dev_${device}`, host);
    return new Oracle(edge, host, cookie, edge[device]);
  }

  /** A request of theirs. */
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
    expect(edge.upstream.bytes).toBe('');
    await expect.poll(() => edge.records.all.length).toBe(1);
    const [record] = edge.records.all;
    expect(record).toMatchObject({ outcome: 'refused', status: response.status });
    return record?.reasons[0] ?? '';
  }

  /** Waits until nothing is under way, and checks that the next request is served. */
  async alive(): Promise<void> {
    const { cookie, device, edge, host } = this;
    await edge.settle();
    const next = await call(edge, { host, device, cookie, path: '/alive' });
    expect(next.status).toBe(200);
    await edge.settle();
  }
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
