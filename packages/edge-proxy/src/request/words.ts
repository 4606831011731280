/**
 * What the edge itself has to say, besides the reasons of decisions (policy/reasons.ts): every code
 * with its status and the words for the person in front of the page. Nothing here is ever filled in
 * with what a client or a provider sent.
 */

interface Words {
  readonly status: number;
  readonly sentence: string;
  readonly next: string;
}

const fromStart = 'Go back to the application and start again from there.';
const again = 'Try again in a minute. If it stays, send the reference below to your IT team.';
const client = 'If you use a browser, reload the page. Otherwise check how the request is made.';

/**
 * Requests that are not decided on, or that do not go on although they may. The connection is closed
 * after the answer, but for `rate_limited`.
 */
export const refusals = {
  malformed: { status: 400, sentence: 'The request could not be read.', next: client },
  request_timeout: { status: 408, sentence: 'The request took too long to arrive.', next: client },
  request_too_slow: {
    status: 408,
    sentence: 'The body of the request came too slowly.',
    next: 'Check your connection to the network and try again.',
  },
  http_version: {
    status: 400,
    sentence: 'Only HTTP/1.1 and HTTP/2 are spoken here.',
    next: client,
  },
  host_invalid: {
    status: 400,
    sentence: 'The request does not name one valid host.',
    next: client,
  },
  host_misdirected: {
    status: 421,
    sentence: 'This connection was not made for the host that was asked for.',
    next: 'Open the address in a new window.',
  },
  target_invalid: { status: 400, sentence: 'The address is not valid.', next: client },
  path_ambiguous: {
    status: 400,
    sentence: 'The address can be read in more than one way.',
    next: 'Check the address for unusual characters.',
  },
  method_unsupported: {
    status: 405,
    sentence: 'This kind of request is not supported.',
    next: client,
  },
  framing_ambiguous: {
    status: 400,
    sentence: 'Where the request ends is not clear.',
    next: client,
  },
  header_duplicate: {
    status: 400,
    sentence: 'A header that may stand once was sent twice.',
    next: client,
  },
  header_invalid: { status: 400, sentence: 'A header is not valid.', next: client },
  headers_too_large: {
    status: 431,
    sentence: 'The headers of the request are too large.',
    next: 'Delete the cookies of this site in your browser and try again.',
  },
  cookies_too_large: {
    status: 431,
    sentence: 'The cookies of the request are too large.',
    next: 'Delete the cookies of this site in your browser and try again.',
  },
  headers_too_many: {
    status: 431,
    sentence: 'The request has too many headers.',
    next: client,
  },
  expectation_failed: {
    status: 417,
    sentence: 'The request expects something that is not offered here.',
    next: client,
  },
  pipeline_too_deep: {
    status: 400,
    sentence: 'Too many requests were sent without waiting for an answer.',
    next: client,
  },
  too_many_frames: {
    status: 400,
    sentence: 'The connection was kept busy with what asks for nothing.',
    next: client,
  },
  upgrade_invalid: {
    status: 400,
    sentence: 'The request to change the protocol is not valid.',
    next: client,
  },
  web_socket_version: {
    status: 426,
    sentence: 'Only version 13 of the WebSocket protocol is spoken here.',
    next: client,
  },
  source_address_unclear: {
    status: 400,
    sentence: 'Where the request comes from is not clear.',
    next: 'Send the reference below to your IT team.',
  },
  device_certificate_required: {
    status: 403,
    sentence: 'This site is open only to devices that show a valid device certificate.',
    next: 'Use an enrolled device, and choose its certificate when the browser asks.',
  },
  preflight_refused: {
    status: 403,
    sentence: 'Pages of that origin may not ask for this here.',
    next: 'Ask the owner of the application to name the origin, method and headers in its route.',
  },
  origin_refused: {
    status: 403,
    sentence: 'Another site tried to reach this application in your name.',
    next: 'If you did not expect this, send the reference below to your security team.',
  },
  path_not_canonical: {
    status: 403,
    sentence: 'Only the plain form of this address is accepted here.',
    next: 'Check the address for unusual characters.',
  },
  front_request_invalid: {
    status: 400,
    sentence: 'The front proxy did not say clearly what it asks about.',
    next: 'Send the reference below to your IT team.',
  },
  header_reserved: {
    status: 400,
    sentence: 'The request has a header that only proxies may set.',
    next: 'Send the reference below to your IT team.',
  },
  rate_limited: {
    status: 429,
    sentence: 'Too many requests have come in a short time.',
    next: 'Wait a moment and try again.',
  },
} as const satisfies Record<string, Words>;

/**
 * Connections from front proxies that are closed before TLS, without an answer; for records and
 * metrics alone.
 */
export const turnedAway = {
  proxy_header_missing: 'The connection does not begin with a header of PROXY protocol version 2.',
  proxy_header_invalid: 'The header of PROXY protocol cannot be read, or names no TCP client.',
  proxy_header_timeout: 'The header of PROXY protocol did not arrive within 5 seconds.',
} as const satisfies Record<string, string>;

/** Failures of ours or of the upstream. */
export const failures = {
  not_ready: {
    status: 503,
    sentence: 'This gateway has just started and does not know the rules yet.',
    next: 'Try again in a few seconds.',
  },
  edge_blocked: {
    status: 503,
    sentence: 'This gateway has been taken out of service.',
    next: again,
  },
  state_busy: {
    status: 503,
    sentence: 'This gateway is taking in changes and could not decide in time.',
    next: 'Try again in a few seconds.',
  },
  audit_unavailable: {
    status: 503,
    sentence: 'This gateway cannot keep records now, and this application demands them.',
    next: 'Try again in a few minutes. If it stays, send the reference below to your IT team.',
  },
  overloaded: {
    status: 503,
    sentence: 'This gateway has more to do than it can.',
    next: 'Try again in a few seconds.',
  },
  internal: { status: 500, sentence: 'Something went wrong on our side.', next: again },
  assertion_too_large: {
    status: 500,
    sentence: 'What is known about you does not fit into what this application accepts.',
    next: 'Send the reference below to the owner of the application.',
  },
  assertion_key_missing: {
    status: 503,
    sentence: 'This gateway cannot vouch for you at the moment.',
    next: again,
  },
  upstream_unreachable: {
    status: 502,
    sentence: 'The application cannot be reached.',
    next: again,
  },
  upstream_untrusted: {
    status: 502,
    sentence: 'The application did not prove that it is the right one.',
    next: 'Send the reference below to the owner of the application.',
  },
  upstream_address_refused: {
    status: 502,
    sentence: 'The application is at an address that this gateway may not use.',
    next: 'Send the reference below to the owner of the application.',
  },
  upstream_bad_response: {
    status: 502,
    sentence: 'The application gave an answer that could not be used.',
    next: again,
  },
  upstream_timeout: {
    status: 504,
    sentence: 'The application took too long to answer.',
    next: again,
  },
  upstream_protocol: {
    status: 502,
    sentence: 'The application does not speak the protocol that is needed.',
    next: 'Send the reference below to the owner of the application.',
  },
  deadline_exceeded: {
    status: 504,
    sentence: 'The time that was given for this call is over.',
    next: 'Give the call more time, or try again later.',
  },
  upstream_busy: {
    status: 503,
    sentence: 'The application has too many requests open.',
    next: 'Try again in a few seconds.',
  },
  upstream_identity_refused: {
    status: 502,
    sentence: 'The application proved to be another one than it should be.',
    next: 'Send the reference below to the owner of the application.',
  },
  path_rewrite_refused: {
    status: 500,
    sentence: 'The address cannot be turned into one that the application knows.',
    next: 'Send the reference below to the owner of the application.',
  },
  upstream_no_healthy: {
    status: 503,
    sentence: 'The application is not well at the moment.',
    next: again,
  },
  sign_in_unavailable: {
    status: 503,
    sentence: 'Signing in is not possible at the moment.',
    next: again,
  },
  me_unavailable: {
    status: 503,
    sentence: 'What is known of you cannot be looked up at the moment.',
    next: again,
  },
} as const satisfies Record<string, Words>;

/** Pages of our own endpoints. */
export const notices = {
  not_found: {
    status: 404,
    sentence: 'There is nothing at this address.',
    next: 'Check the address for typing mistakes.',
  },
  get_only: { status: 405, sentence: 'This address can only be read.', next: fromStart },
  get_or_post_only: {
    status: 405,
    sentence: 'This address does not take this kind of request.',
    next: fromStart,
  },
  sign_in_invalid: { status: 400, sentence: 'The sign-in link is not valid.', next: fromStart },
  sign_in_lost: {
    status: 400,
    sentence: 'This sign-in was not started in this browser, or it took too long.',
    next: fromStart,
  },
  sign_in_used: {
    status: 400,
    sentence: 'This sign-in has already been completed.',
    next: fromStart,
  },
  sign_in_refused: {
    status: 403,
    sentence: 'The identity provider did not sign you in.',
    next: fromStart,
  },
  sign_in_no_effect: {
    status: 403,
    sentence: 'You have just signed in, but that did not give what this page asks for.',
    next: 'Wait a moment and try again, or sign in with a stronger method.',
  },
  sign_out_confirm: {
    status: 200,
    sentence: 'Do you want to sign out of all applications?',
    next: '',
  },
  sign_out_cross_site: {
    status: 403,
    sentence: 'Another site tried to sign you out.',
    next: 'If you want to sign out, do it here.',
  },
  me_sign_in: {
    status: 401,
    sentence: 'This page shows you what is known of you, once you are signed in.',
    next: 'Sign in and open it again.',
  },
  me_cross_site: {
    status: 403,
    sentence: 'Another site tried to end your sessions.',
    next: 'If you want to end them, do it on your own page.',
  },
  me_invalid: {
    status: 400,
    sentence: 'This does not name one of your sessions.',
    next: 'Open your own page again and choose there.',
  },
  signed_out: {
    status: 200,
    sentence: 'You are signed out of all applications.',
    next: 'You can close this window.',
  },
  signed_out_here_only: {
    status: 503,
    sentence: 'You are signed out here, but other applications could not be told.',
    next: 'Sign out again from another application in a minute.',
  },
} as const satisfies Record<string, Words>;

/** Handshakes that are refused: nobody is there to be answered, so they stand in records alone. */
export type HandshakeCode =
  | 'server_name_unknown'
  | 'tls_failed'
  | 'tls_version_too_old'
  | 'certificates_too_large'
  | 'front_proxy_unknown';

export type RefusalCode = keyof typeof refusals;
export type TurnedAwayCode = keyof typeof turnedAway;
export type FailureCode = keyof typeof failures;
export type NoticeCode = keyof typeof notices;
/** Steps of signing in, as they stand in the records of redirects. */
export type RedirectCode =
  | 'sign_in_started'
  | 'sign_in_to_provider'
  | 'signed_in'
  | 'session_handed_over'
  | 'own_page'
  | 'own_sessions_ended';
