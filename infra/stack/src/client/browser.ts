import { readFile } from 'node:fs/promises';
import { localhostLookup } from '@sallyport/shared/network/lookup';
import { Agent, buildConnector, request } from 'undici';
import WebSocket from 'ws';
import type { StackDescription, StackUser } from '../stack.ts';
import { CookieJar } from './cookie-jar.ts';
import { connectFrom, type FrontedStack } from './fronted.ts';

export interface Answer {
  readonly status: number;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Where the redirects led through, this answer's URL not included. */
  readonly via: readonly URL[];
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Follow redirects as a browser does. Default: true. */
  readonly follow?: boolean;
}

/** Somewhere in the world, as the edges of the stack are told by its front proxy. */
export interface Whereabouts {
  readonly stack: FrontedStack;
  /** Any address. */
  readonly address: string;
}

const redirectsMax = 12;

/**
 * A small browser: a cookie jar, the certificate of a device or none, and the stack's authorities.
 * What it sends is what a person's browser would send, over real TLS.
 */
export class Browser {
  readonly jar: CookieJar;
  readonly #tls: { readonly ca: string; readonly cert?: string; readonly key?: string };
  readonly #agent: Agent;

  private constructor(
    tls: { ca: string; cert?: string; key?: string },
    jar: CookieJar,
    from: Whereabouts | null,
  ) {
    this.jar = jar;
    this.#tls = tls;
    const options = { ...tls, lookup: localhostLookup };
    this.#agent = new Agent({ connect: from === null ? options : connectorFrom(from, options) });
  }

  /**
   * A browser on this user's device, or with `null` on no device at all. `from`: where it is; its
   * WebSockets are on this machine all the same.
   */
  static async open(
    stack: Pick<StackDescription, 'ca'>,
    device: StackUser['device'] | null,
    jar = new CookieJar(),
    from: Whereabouts | null = null,
  ): Promise<Browser> {
    const ca = await readFile(stack.ca, 'utf8');
    if (device === null) return new Browser({ ca }, jar, from);
    const [cert, key] = await Promise.all([
      readFile(device.cert, 'utf8'),
      readFile(device.key, 'utf8'),
    ]);
    return new Browser({ ca, cert, key }, jar, from);
  }

  async ask(address: string | URL, ask: Ask = {}): Promise<Answer> {
    const via: URL[] = [];
    let url = new URL(address);
    let { method = 'GET', body } = ask;
    for (;;) {
      const cookie = this.jar.header(url);
      const response = await request(url, {
        dispatcher: this.#agent,
        method: method as 'GET',
        headers: {
          accept: 'text/html',
          ...ask.headers,
          ...(cookie === null ? {} : { cookie }),
          ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        },
        body: body ?? null,
      });
      const set = response.headers['set-cookie'];
      this.jar.store(url, typeof set === 'string' ? [set] : (set ?? []));
      const { location } = response.headers;
      const moved = response.statusCode >= 300 && response.statusCode < 400;
      if (!moved || typeof location !== 'string' || ask.follow === false) {
        const text = await response.body.text();
        return { status: response.statusCode, url, headers: response.headers, text, via };
      }
      await response.body.dump();
      via.push(url);
      if (via.length > redirectsMax) throw new Error(`more than ${redirectsMax} redirects`);
      url = new URL(location, url);
      if (response.statusCode !== 307 && response.statusCode !== 308) {
        method = 'GET';
        body = undefined;
      }
    }
  }

  /** Goes to the page, and through the provider's form if that is where it ends up. */
  async signIn(
    address: string | URL,
    user: Pick<StackUser, 'email' | 'password'>,
  ): Promise<Answer> {
    const form = await this.ask(address);
    if (!/name="password"/.test(form.text)) return form;
    const answer = await this.ask(form.url, {
      method: 'POST',
      body: new URLSearchParams({ email: user.email, password: user.password }).toString(),
    });
    return { ...answer, via: [...form.via, form.url, ...answer.via] };
  }

  /** Opens a WebSocket with the cookies of this browser; not yet open when it returns. */
  webSocket(address: string | URL, headers: Readonly<Record<string, string>> = {}): WebSocket {
    const url = new URL(address);
    const cookie = this.jar.header(url);
    return new WebSocket(url, {
      ...this.#tls,
      lookup: localhostLookup,
      origin: `https://${url.host}`,
      headers: { ...headers, ...(cookie === null ? {} : { cookie }) },
    });
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/** Edges are reached through the front proxy, all else as ever. */
function connectorFrom(
  { stack, address }: Whereabouts,
  options: buildConnector.BuildOptions,
): buildConnector.connector {
  const direct = buildConnector(options);
  return (to, done) => {
    const port = Number(to.port);
    if (!stack.edges.some((edge) => edge.port === port)) {
      direct(to, done);
      return;
    }
    const open = async (): Promise<void> => {
      const servername = to.servername ?? to.hostname;
      try {
        done(null, await connectFrom(stack, port, address, { ...options, servername }));
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)), null);
      }
    };
    void open();
  };
}
