import type {
  ConfigurationDocument,
  SettingsDocument,
} from '@sallyport/shared/configuration/documents';
import { RawClient, type RawResponse } from './client.ts';
import { signInHost, testDocuments } from './documents.ts';
import type { TestEdge } from './edge.ts';
import { type Identity, issue } from './pki.ts';

export type Proxies = NonNullable<SettingsDocument['spec']['forwardAuth']>['proxies'];
type Proxy = Proxies[number];

/** A host that anybody may see, and one for whoever is signed in. */
export const open = 'pub.corp.test';
export const closed = 'reports.fin.test';

interface Registration {
  readonly signedIn?: boolean;
  readonly more?: readonly ConfigurationDocument[];
  readonly listener?: NonNullable<SettingsDocument['spec']['listener']>;
}

/** Two front proxies of an edge, one of each dialect, and the listener where they ask. */
export class Fronts {
  readonly edge: TestEdge;
  readonly caddy: Identity;
  readonly nginx: Identity;
  readonly port: number;

  private constructor(edge: TestEdge, caddy: Identity, nginx: Identity, port: number) {
    this.edge = edge;
    this.caddy = caddy;
    this.nginx = nginx;
    this.port = port;
  }

  static async of(edge: TestEdge): Promise<Fronts> {
    const order = { commonName: 'front', usage: 'client', days: 5 } as const;
    const address = { host: '127.0.0.1', port: 0, reusePort: false };
    const fronts = new Fronts(
      edge,
      await issue(edge.pki.edge, order),
      await issue(edge.pki.upstream, order),
      await edge.worker.listenForVerdicts(address),
    );
    await fronts.register();
    return fronts;
  }

  /** `more`: what the settings say of each. */
  proxies(more: Partial<Proxy> = {}): Proxies {
    const hosts = [open, 'strong.corp.test', signInHost, '*.fin.test'];
    const { caddy, nginx } = this;
    return [
      { name: 'caddy', certificates: [caddy.sha256], dialect: 'x-forwarded', hosts, ...more },
      { name: 'nginx', certificates: [nginx.sha256], dialect: 'nginx', hosts, ...more },
    ];
  }

  /** `signedIn`: what asks for a device is for whoever is signed in, with any device or none. */
  async register(
    proxies: Proxies = this.proxies(),
    { signedIn = true, more = [], listener }: Registration = {},
  ): Promise<void> {
    const documents = testDocuments(this.edge.pki, this.edge.upstream.port, more).map(
      (document): ConfigurationDocument => {
        if (document.kind === 'Settings') {
          const besides = {
            forwardAuth: { proxies },
            ...(listener === undefined ? {} : { listener }),
          };
          return { ...document, spec: { ...document.spec, ...besides } };
        }
        const deviceless = signedIn && ['staff', 'strong'].includes(document.metadata.name);
        if (document.kind !== 'Policy' || !deviceless) return document;
        const allow = [{ name: 'members', groups: ['employees'] }];
        return { ...document, spec: { ...document.spec, allow } };
      },
    );
    await this.edge.apply('config', ...this.edge.configuration(documents));
  }

  connect(identity: Identity | null): Promise<RawClient> {
    return RawClient.connect(this.edge, open, identity, { port: this.port });
  }

  /** One question on a connection of its own, and what is answered. */
  async ask(
    identity: Identity,
    lines: readonly string[],
    first = 'GET /verdict HTTP/1.1',
  ): Promise<RawResponse> {
    const client = await this.connect(identity);
    client.send(`${[first, 'Host: edge.internal', ...lines].join('\r\n')}\r\n\r\n`);
    try {
      return await client.response();
    } finally {
      client.close();
    }
  }
}

/** The lines of a question as Caddy and Traefik write them. */
export const caddyAsks = (of: string, uri = '/', method = 'GET'): string[] => [
  `X-Forwarded-Method: ${method}`,
  `X-Forwarded-Host: ${of}`,
  `X-Forwarded-Uri: ${uri}`,
  'X-Forwarded-Proto: https',
  'X-Forwarded-For: 203.0.113.9',
];

/** The same as nginx does, by the example. */
export const nginxAsks = (of: string, uri = '/', method = 'GET'): string[] => [
  `X-Original-Method: ${method}`,
  `X-Original-Host: ${of}`,
  `X-Original-URI: ${uri}`,
  'X-Original-Scheme: https',
  'X-Original-Address: 203.0.113.9',
];

/** Of a browser that shows what it gets. */
export const page = ['Accept: text/html', 'Sec-Fetch-Mode: navigate'];

/** Why an answer of ours, as JSON, refuses. */
export const codeOf = ({ body }: RawResponse): unknown =>
  (JSON.parse(body) as { code: unknown }).code;
