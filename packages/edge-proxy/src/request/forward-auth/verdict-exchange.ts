import type { FrontAsker } from '../../state/current.ts';
import type { BodySource, ClientExchange, ClientTunnel } from '../client/exchange.ts';

/**
 * The side of a front proxy that asks for a verdict. INVARIANT: a status below 300 lets the request
 * through at the front proxy, so only `permit` sends one; whatever else is answered here is none.
 */
export class VerdictExchange implements ClientExchange {
  readonly tunnelled = false;
  readonly #link: ClientExchange;
  readonly #dialect: FrontAsker['dialect'];

  constructor(link: ClientExchange, dialect: FrontAsker['dialect']) {
    this.#link = link;
    this.#dialect = dialect;
  }

  get headersSent(): boolean {
    return this.#link.headersSent;
  }

  get gone(): boolean {
    return this.#link.gone;
  }

  get finished(): boolean {
    return this.#link.finished;
  }

  get unsentBytes(): number {
    return this.#link.unsentBytes;
  }

  onClose(listener: () => void): void {
    this.#link.onClose(listener);
  }

  permit(lines: string[]): void {
    this.#link.answer(200, [...lines, 'Content-Length', '0', 'Cache-Control', 'no-store'], null, 0);
  }

  answer(status: number, lines: string[], body: Buffer | null): void {
    // The question was a GET, so a length without a body, as for HEAD, would be waited for.
    const whole = body === null ? withoutLength(lines) : lines;
    const read = this.#dialect === 'nginx' ? withOneCookie(whole) : whole;
    this.#link.answer(refusalStatus(status, this.#dialect), read, body, 0);
  }

  breakOff(): void {
    this.#link.breakOff();
  }

  beLast(): void {
    this.#link.beLast();
  }

  head(): void {
    throw neverForwarded();
  }

  write(): boolean {
    throw neverForwarded();
  }

  onDrain(): void {
    throw neverForwarded();
  }

  end(): void {
    throw neverForwarded();
  }

  askForBody(): void {
    throw neverForwarded();
  }

  readBody(): BodySource {
    throw neverForwarded();
  }

  tunnel(): ClientTunnel {
    throw neverForwarded();
  }
}

/** What nginx knows of answers to `auth_request`: 401 and 403; it takes all others for a fault. */
function refusalStatus(status: number, dialect: FrontAsker['dialect']): number {
  if (status < 300) return 403;
  if (dialect === 'x-forwarded' || status >= 500 || status === 401) return status;
  return status < 400 ? 401 : 403;
}

function withoutLength(lines: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at < lines.length; at += 2) {
    const name = lines[at] ?? '';
    kept.push(name, name.toLowerCase() === 'content-length' ? '0' : (lines[at + 1] ?? ''));
  }
  return kept;
}

/**
 * nginx has one variable for all lines of a name, and joins them where it can; a browser would read
 * the second cookie as attributes of the first. The first is the one that a sign-in comes back by.
 */
function withOneCookie(lines: readonly string[]): string[] {
  const first = lines.indexOf('Set-Cookie');
  return lines.filter((_, at) => at < first + 2 || lines[at - (at % 2)] !== 'Set-Cookie');
}

function neverForwarded(): Error {
  return new Error('a front proxy that asks for a verdict is sent nothing of an upstream');
}
