import type { Duplex } from 'node:stream';
import type { Clock } from '@sallyport/shared/clock';
import { rewritePath } from '@sallyport/shared/configuration/rewrite-path';
import type { Dispatcher } from 'undici';
import { breakOff } from '../calls.ts';
import type { Answer, Asserted } from '../exchange.ts';
import { principalOf } from './principal.ts';
import { RequestBody } from './request-body.ts';
import { bindsConnection, upstreamHeaders } from './request-headers.ts';
import { clientHeaders, clientTrailers, type ResponseHeaders } from './response-headers.ts';
import type { Waiting } from './upstream/admission.ts';
import type { ResponseControl } from './upstream/connections.ts';
import type { Result } from './upstream/ejection.ts';
import {
  BadResponseError,
  connectionBroke,
  DeadlineError,
  failureOf,
  NoConnectionError,
  TotalTimeoutError,
} from './upstream/failures.ts';
import { wasCancelled, wasRefused } from './upstream/h2/errors.ts';
import { whereAgain } from './upstream/retry.ts';
import type { Attempt, RouteUpstream } from './upstream/route-upstream.ts';
import type { Target } from './upstream/target.ts';
import type { Upstreams } from './upstream/upstreams.ts';
import { acceptsHandshake, handshakeRefusal, type OpenTunnel } from './web-socket.ts';

/** 1xx answers are not passed on; an upstream that sends nothing else is cut off. */
const informationalMax = 8;
const statusMax = 599;

export interface ForwardNeeds {
  readonly upstreams: Upstreams;
  readonly clock: Clock;
  /** Gives an answer of ours where nothing has been sent yet. */
  readonly answer: (value: Asserted, answer: Answer) => void;
  readonly openTunnel: OpenTunnel;
  /** A fault of ours. */
  readonly failed: (value: Asserted, error: unknown) => void;
}

/**
 * Sends a permitted request to its upstream and the response back. Returns at once; an answer only
 * where it cannot even be tried. It takes what only a permit leads to.
 */
export function createForward(needs: ForwardNeeds): (value: Asserted) => Answer | null {
  return (value) => {
    const refused = handshakeRefusal(value);
    if (refused !== null) return refused;
    const path = rewritePath(value.path, value.route.upstream.way.path);
    if (path === null) return { kind: 'failed', code: 'path_rewrite_refused' };
    const trust = value.assertion === null ? 'anonymous' : 'user';
    const upstream = needs.upstreams.find(value.bundle, value.route, trust, needs.clock());
    if (upstream === null) return { kind: 'failed', code: 'upstream_address_refused' };
    const admitted = new Forwarding(needs, value, upstream, path).admit();
    return admitted ? null : busy;
  };
}

/** One request on its way; undici calls it as the response comes. */
class Forwarding implements Dispatcher.DispatchHandler, Waiting {
  readonly principal: string;
  readonly #needs: ForwardNeeds;
  readonly #value: Asserted;
  readonly #upstream: RouteUpstream;
  /** Canonical, as the upstream is asked for it. */
  readonly #path: string;
  #attempt: Attempt | null = null;
  /** Of the attempt: it has been told whether the target is sound. */
  #reported = false;
  #total: NodeJS.Timeout | null = null;
  #controller: ResponseControl | null = null;
  #body: RequestBody | null = null;
  #aborted: Error | null = null;
  #informational = 0;
  /** Targets of this request, the latest last. */
  readonly #targets: Target[] = [];
  /** Of the attempt: some of the request may have reached the target. */
  #sent = false;
  #answered = false;
  #left = false;

  constructor(needs: ForwardNeeds, value: Asserted, upstream: RouteUpstream, path: string) {
    this.principal = principalOf(value);
    this.#needs = needs;
    this.#value = value;
    this.#upstream = upstream;
    this.#path = path;
  }

  /** false: too many are waiting for this upstream. */
  admit(): boolean {
    this.#value.release = (cause) => this.#abort(cause);
    const admitted = this.#upstream.admission.admit(this);
    if (!admitted) this.#value.release = null;
    return admitted;
  }

  start(): void {
    try {
      this.#start();
    } catch (error) {
      // It may have waited: then nobody above would catch this.
      this.#leave();
      this.#needs.failed(this.#value, error);
    }
  }

  #start(): void {
    if (this.#aborted !== null) {
      this.#leave();
      return;
    }
    const { head, client, progress, route } = this.#value;
    if (this.#deadlineMs() <= 0) {
      this.#leave();
      this.#needs.answer(this.#value, { kind: 'failed', code: 'deadline_exceeded' });
      return;
    }
    const taken = this.#upstream.take(route, this.#needs.clock());
    if (typeof taken === 'string') {
      this.#leave();
      this.#needs.answer(this.#value, { kind: 'failed', code: taken });
      return;
    }
    progress.upstreamAskedAt = performance.now();
    if (head.expectContinue) client.askForBody();
    this.#setTotal();
    this.#dispatch(taken);
  }

  expired(): void {
    this.#left = true;
    this.#value.release = null;
    this.#needs.answer(this.#value, busy);
  }

  #dispatch(attempt: Attempt): void {
    const value = this.#value;
    const { head } = value;
    const { target } = attempt;
    this.#attempt = attempt;
    this.#targets.push(target);
    value.target = target.config;
    this.#controller = null;
    this.#reported = false;
    this.#sent = false;
    this.#informational = 0;
    if (head.hasBody) this.#body ??= new RequestBody(value.client, value.progress);
    const headers = upstreamHeaders(value, target.config);
    target.pool.dispatch(
      {
        method: head.method,
        path: this.#path + head.query,
        headers,
        body: this.#body,
        call: head.call,
        reset: bindsConnection(headers),
        upgrade: head.webSocketKey === null ? null : 'websocket',
        wanted: this.#isWanted,
      },
      this,
    );
  }

  readonly #isWanted = (): boolean => this.#aborted === null;

  /** From now to the end of the time that the client gave a call; without end where it gave none. */
  #deadlineMs(): number {
    const { head, startedAt } = this.#value;
    if (head.callTimeoutMs === null) return Number.POSITIVE_INFINITY;
    return head.callTimeoutMs - (performance.now() - startedAt);
  }

  #setTotal(): void {
    const totalMs = this.#value.route.upstream.timeouts.totalMs ?? Number.POSITIVE_INFINITY;
    const deadlineMs = this.#deadlineMs();
    const milliseconds = Math.min(totalMs, deadlineMs);
    if (milliseconds === Number.POSITIVE_INFINITY) return;
    const timeUp = () => this.#timeUp(deadlineMs < totalMs);
    this.#total = setTimeout(timeUp, Math.ceil(milliseconds)).unref();
  }

  onRequestStart(controller: ResponseControl): void {
    this.#controller = controller;
    this.#sent = true;
    // Thrown, it costs this request alone; `abort` would destroy the connection that is ready now.
    if (this.#aborted !== null) throw this.#aborted;
  }

  onResponseStart(controller: ResponseControl, status: number, headers: ResponseHeaders): void {
    if (status < 200) {
      this.#informational += 1;
      if (status < 100) controller.abort(new BadResponseError(`status ${status}`));
      else if (this.#informational > informationalMax) {
        controller.abort(new BadResponseError('1xx without end'));
      }
      return;
    }
    // HTTP/2 has no word for these, and HTTP/1.1 none that a client would know (RFC 9110, section 15).
    if (status > statusMax) {
      controller.abort(new BadResponseError(`status ${status}`));
      return;
    }
    const { progress, client } = this.#value;
    progress.upstreamAnsweredAt = performance.now();
    progress.status = status;
    this.#answered = true;
    // That it answers is enough to go on with it; that it does so to the end is seen later.
    if (gatewayFailures.has(status)) this.#report('failed');
    else if (this.#attempt?.tried === true) this.#report('ok');
    const lines = clientHeaders(this.#value, status, headers);
    client.head(status, lines, this.#follows(controller, headers));
  }

  #follows(
    { whole = false }: ResponseControl,
    headers: ResponseHeaders,
  ): 'nothing' | 'body' | 'trailers' {
    const { head, target } = this.#value;
    if (whole) return 'nothing';
    // Without a status behind it a response of gRPC is none; where it breaks off, that is ours.
    if (head.call) return 'trailers';
    if (!head.takesTrailers || head.method === 'HEAD') return 'body';
    return target?.http2 === true || headers['trailer'] !== undefined ? 'trailers' : 'body';
  }

  onResponseData(controller: ResponseControl, chunk: Buffer): void {
    const { progress, client } = this.#value;
    progress.bytesOut += chunk.length;
    if (client.write(chunk)) return;
    controller.pause();
    client.onDrain(() => controller.resume());
  }

  onResponseEnd(_controller: ResponseControl, trailers: ResponseHeaders): void {
    if (!this.#reported) this.#report('ok');
    this.#leave();
    const { client, head } = this.#value;
    client.end(head.takesTrailers ? clientTrailers(this.#value, trailers) : []);
  }

  onRequestUpgrade(
    _controller: ResponseControl,
    status: number,
    headers: ResponseHeaders,
    socket: Duplex,
  ): void {
    const value = this.#value;
    this.#report('ok');
    this.#leave();
    socket.on('error', ignore);
    if (this.#aborted !== null) {
      socket.destroy();
    } else if (!acceptsHandshake(value, status, headers)) {
      socket.destroy();
      this.#needs.answer(value, { kind: 'failed', code: 'upstream_bad_response' });
    } else {
      value.progress.upstreamAnsweredAt = performance.now();
      this.#needs.openTunnel(value, socket, clientHeaders(value, status, headers));
    }
  }

  onResponseError(_controller: ResponseControl | null, error: Error): void {
    if (this.#body?.brokenOff === true) {
      this.#leave();
      this.#value.client.breakOff();
      return;
    }
    const ours = error === this.#aborted || error instanceof NoConnectionError;
    if (!ours) this.#report('failed');
    const next = this.#aborted === null && !ours ? this.#takeAgain(error) : null;
    if (next !== null) {
      this.#releaseTarget();
      this.#dispatch(next);
      return;
    }
    this.#leave();
    if (this.#aborted === null) this.#fail(error);
  }

  /** The next attempt, if there may be one. It comes with the same assertion. */
  #takeAgain(error: Error): Attempt | null {
    const { head, route, startedAt } = this.#value;
    if (this.#targets.length > route.upstream.retry.attempts) return null;
    const where = whereAgain({
      method: head.method,
      bodyGone: this.#body !== null && !(this.#isHttp2 && this.#body.untouched),
      webSocket: head.webSocketKey !== null,
      sent: this.#sent,
      refused: wasRefused(error),
      broke: connectionBroke(error),
      answered: this.#answered,
      // An assertion is used for half of its life at the most, so the other half was left then.
      late: performance.now() - startedAt > route.identity.ttlSeconds * 500,
    });
    if (where === 'nowhere') return null;
    const again = where === 'anywhere';
    return this.#upstream.takeAgain(route, this.#needs.clock(), this.#targets, again);
  }

  get #isHttp2(): boolean {
    return this.#value.target?.http2 === true;
  }

  #report(result: Result): void {
    if (this.#attempt === null) return;
    const { target, tried } = this.#attempt;
    const now = this.#needs.clock();
    this.#upstream.report({ target, tried: tried && !this.#reported }, result, now);
    this.#reported = true;
  }

  #fail(error: Error): void {
    const value = this.#value;
    value.upstreamError = error;
    if (value.client.headersSent) {
      // Half a response must not look like a whole one.
      value.progress.ending = error instanceof DeadlineError ? 'deadline' : 'upstream_failed';
      if (wasCancelled(error)) value.client.breakOff('cancelled');
      else breakOff(value, { kind: 'failed', code: failureOf(error) });
    } else {
      const code = failureOf(error);
      if (code === 'upstream_busy') {
        const none = error instanceof NoConnectionError;
        this.#upstream.turnedAway(none ? 'connections' : 'refused');
      }
      this.#needs.answer(value, { kind: 'failed', code });
    }
  }

  /** `given`: the time is over that the client gave, of which the target knows nothing. */
  #timeUp(given: boolean): void {
    if (this.#aborted !== null || this.#left) return;
    const error = given
      ? new DeadlineError('the time that the client gave is over')
      : new TotalTimeoutError('the response took too long as a whole');
    if (!given) this.#report('failed');
    this.#stop(error);
    this.#fail(error);
  }

  #abort(cause: Error): void {
    if (this.#aborted !== null || this.#left) return;
    if (this.#upstream.admission.withdraw(this)) {
      this.#aborted = cause;
      this.#left = true;
      this.#value.release = null;
    } else {
      this.#stop(cause);
    }
  }

  /** It is wanted no more; `onResponseError` tells when the upstream is free of it. */
  #stop(cause: Error): void {
    this.#aborted = cause;
    this.#controller?.abort(cause);
    this.#body?.destroy();
  }

  /** Nothing is held at the upstream any more. */
  #leave(): void {
    if (this.#left) return;
    this.#left = true;
    if (this.#total !== null) clearTimeout(this.#total);
    // undici does that itself, at once where a request fails.
    if (this.#isHttp2) this.#body?.destroy();
    this.#releaseTarget();
    this.#value.release = null;
    this.#upstream.admission.leave(this);
  }

  #releaseTarget(): void {
    if (this.#attempt === null) return;
    if (!this.#reported) this.#report('given_up');
    this.#upstream.release(this.#attempt.target);
    this.#attempt = null;
  }
}

/** What the upstream says where it is one itself, and what is behind it fails. */
const gatewayFailures = new Set([502, 503, 504]);

const busy: Answer = { kind: 'failed', code: 'upstream_busy' };

function ignore(): void {
  // The socket ends with `close`, which the tunnel hears.
}
