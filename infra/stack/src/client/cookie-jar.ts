interface Cookie {
  readonly host: string;
  readonly path: string;
  readonly name: string;
  readonly value: string;
}

/**
 * As much of RFC 6265 as the servers of the stack need: cookies belong to one host (never to a
 * domain) whatever the port, to a path, and go away by Max-Age or Expires.
 */
export class CookieJar {
  #cookies: readonly Cookie[] = [];

  /** Takes the Set-Cookie headers of an answer from this URL. */
  store(url: URL, headers: readonly string[]): void {
    for (const header of headers) {
      const [pair = '', ...attributes] = header.split(';').map((part) => part.trim());
      const equals = pair.indexOf('=');
      const name = pair.slice(0, equals);
      const path = attribute(attributes, 'path') ?? '/';
      const others = this.#cookies.filter(
        (cookie) => cookie.host !== url.hostname || cookie.name !== name || cookie.path !== path,
      );
      this.#cookies = isGone(attributes)
        ? others
        : [...others, { host: url.hostname, path, name, value: pair.slice(equals + 1) }];
    }
  }

  /** The Cookie header for a request to this URL, or null. */
  header(url: URL): string | null {
    const own = this.#cookies.filter(
      ({ host, path }) => host === url.hostname && covers(path, url.pathname),
    );
    return own.length === 0 ? null : own.map(({ name, value }) => `${name}=${value}`).join('; ');
  }

  /** Value of a cookie of this host, or null. */
  value(host: string, name: string): string | null {
    return (
      this.#cookies.find((cookie) => cookie.host === host && cookie.name === name)?.value ?? null
    );
  }

  copy(): CookieJar {
    const jar = new CookieJar();
    jar.#cookies = this.#cookies;
    return jar;
  }
}

function attribute(attributes: readonly string[], name: string): string | undefined {
  const found = attributes.find((text) => text.toLowerCase().startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}

function isGone(attributes: readonly string[]): boolean {
  const maxAge = attribute(attributes, 'max-age');
  if (maxAge !== undefined) return Number(maxAge) <= 0;
  const expires = attribute(attributes, 'expires');
  return expires !== undefined && Date.parse(expires) <= Date.now();
}

function covers(path: string, pathname: string): boolean {
  return pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`);
}
