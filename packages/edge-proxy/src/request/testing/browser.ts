import { type Call, call, type RawResponse } from './client.ts';
import { signInHost } from './documents.ts';
import type { TestEdge } from './edge.ts';

/** A browser's cookies, by host; values as set, gone when cleared. */
export class Browser {
  readonly edge: TestEdge;
  readonly jar = new Map<string, Map<string, string>>();
  device: Call['device'];

  constructor(edge: TestEdge) {
    this.edge = edge;
    this.device = edge.laptop;
  }

  cookies(host: string): Map<string, string> {
    const cookies = this.jar.get(host) ?? new Map<string, string>();
    this.jar.set(host, cookies);
    return cookies;
  }

  async get(host: string, path: string, more: Call = {}): Promise<RawResponse> {
    const cookies = this.cookies(host);
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await call(this.edge, {
      host,
      path,
      page: true,
      device: this.device ?? null,
      ...(cookie === '' ? {} : { cookie }),
      ...more,
    });
    for (const line of response.all('set-cookie')) {
      const [, name = '', value = '', attributes = ''] = /^([^=]+)=([^;]*)(.*)$/.exec(line) ?? [];
      if (!/^; Max-Age=\d+; Path=\/; Secure; HttpOnly; SameSite=Lax$/.test(attributes)) {
        throw new Error(`a cookie with ${attributes}`);
      }
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  }

  /** Follows a redirect to one of our hosts. */
  async follow(response: RawResponse, more: Call = {}): Promise<RawResponse> {
    const url = this.location(response);
    return this.get(url.hostname, url.pathname + url.search, more);
  }

  /** Where a redirect leads. */
  location(response: RawResponse): URL {
    const location = response.header('location');
    if (response.status !== 302 || location === undefined) {
      throw new Error(`no redirect, but ${response.status}: ${response.body}`);
    }
    return new URL(location, `https://app.corp.test:${this.edge.port}`);
  }
}

/** As far as the identity provider; the address it would send the browser back to. */
export async function toProvider(browser: Browser, host = 'app.corp.test', path = '/start?x=1') {
  const away = await browser.get(host, path);
  const atSignIn = await browser.follow(away);
  const provider = browser.location(atSignIn);
  const callback = new URL(provider.searchParams.get('redirect_uri') ?? '');
  callback.searchParams.set('code', 'code-of-the-provider');
  callback.searchParams.set('state', provider.searchParams.get('state') ?? '');
  return { away, atSignIn, provider, back: callback.pathname + callback.search };
}

/** The whole way, up to the redirect to the page that was asked for. */
export async function signIn(browser: Browser, host = 'app.corp.test', path = '/start?x=1') {
  const { back } = await toProvider(browser, host, path);
  const called = await browser.get(signInHost, back);
  const handedOver = await browser.follow(called);
  return { called, handedOver, back };
}
