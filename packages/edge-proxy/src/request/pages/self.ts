import { reasons } from '@sallyport/policy';
import type {
  OwnDenial,
  OwnDevice,
  OwnPlace,
  OwnSession,
  SelfDescription,
} from '../../worker/request-worker.ts';
import { ownPrefix } from '../origins.ts';
import { refusals } from '../words.ts';
import { agentInWords } from './agent.ts';
import { escapeHtml, renderDocument } from './page.ts';

/** Where the page is shown and when. */
export interface SelfSetting {
  readonly host: string;
  readonly nowMs: number;
}

/** A person's own page: sessions, devices, recent places and refusals. Works without scripts. */
export function renderSelf(self: SelfDescription, { nowMs }: SelfSetting): string {
  const nameOf = deviceNames(self.devices);
  const others = self.sessions.filter(({ current }) => !current).length;
  const everywhere = others === 0 ? '' : endForm('others', 'End all other sessions', 'second');
  const main = `<h1>${shown(self.name === '' ? self.email : self.name)}</h1>
<p class="next">Signed in as ${shown(self.email)}. This is what the gate in front of your applications knows of you. If something here is not yours, end it and tell your IT team.</p>
<div class="actions"><form method="post" action="${ownPrefix}sign-out"><button class="button">Sign out</button></form>${everywhere}</div>
${section('Sessions', 'Where you are signed in. What you end is signed out of all applications at once.', self.sessions, 'No sessions.', (one) => session(one, nameOf, nowMs))}
${section('Devices', 'Known by their certificates. If one is lost, tell your IT team: they can block it.', self.devices, 'No devices.', (one) => device(one, nowMs))}
${section('Recent places', 'Guesses by address, and often wrong within a country.', self.places, 'Nothing is known of the places that you come from.', (one) => place(one, nameOf, nowMs))}
${section('Recently refused', 'Your IT team can say more with the reference.', self.denials, 'Nothing was refused.', (one) => denial(one, nameOf, nowMs))}
<p class="credit">IP geolocation by DB-IP where no other data are configured.</p>`;
  return renderDocument('Your sessions and devices', 'wide plain', main);
}

function section<Item>(
  title: string,
  note: string,
  items: readonly Item[],
  none: string,
  render: (item: Item) => string,
): string {
  const list =
    items.length === 0
      ? `<p class="next">${none}</p>`
      : `<p class="note">${note}</p>
<ul class="list">${items.map((item) => `<li>${render(item)}</li>`).join('\n')}</ul>`;
  return `<section><h2>${title}</h2>${list}</section>`;
}

function session(one: OwnSession, nameOf: NameOf, nowMs: number): string {
  const here = one.current ? '<span class="tag here">this one</span>' : '';
  const from = one.sourceAddress === '' ? '' : ` from ${shown(one.sourceAddress)}`;
  const words = agentInWords(one.userAgent) || one.userAgent;
  const agent = words === '' ? '' : `<small>${shown(words)}</small>`;
  const name = one.deviceId === '' ? 'A device without a certificate' : nameOf(one.deviceId);
  const what = `<div class="what"><strong>${name}</strong>${here}<small>Signed in ${ago(one.begunAtMs, nowMs)}${from}, ends ${ahead(one.expiresAtMs, nowMs)}</small>${agent}</div>`;
  const end = one.current ? '' : endForm(one.sid, 'End', 'second quiet');
  const where = one.country === '' ? '' : ` in ${shown(countryName(one.country))}`;
  return what + when('last used', one.lastSeenAtMs, nowMs, where) + end;
}

function device(one: OwnDevice, nowMs: number): string {
  const managed = one.managed ? '<span class="tag">managed</span>' : '';
  const blocked = one.blocked ? '<span class="tag bad">blocked</span>' : '';
  const certificate =
    one.certificateExpiresAtMs === 0
      ? 'No certificate'
      : one.certificateExpiresAtMs > nowMs
        ? `Certificate ends ${ahead(one.certificateExpiresAtMs, nowMs)}`
        : `Certificate ended ${ago(one.certificateExpiresAtMs, nowMs)}`;
  return `<div class="what"><strong>${shown(one.name)}</strong>${managed}${blocked}<small>${certificate} · <code>${shown(one.deviceId)}</code></small></div>${when('last used', one.lastSeenAtMs, nowMs)}`;
}

function place(one: OwnPlace, nameOf: NameOf, nowMs: number): string {
  const country = one.country === '' ? '' : countryName(one.country);
  const known = [one.region, country].filter((text) => text !== '').map(shown);
  const named = known.length > 0 ? known.join(', ') : shown(one.egress);
  const way =
    one.egress === '' || known.length === 0 ? '' : `<span class="tag">${shown(one.egress)}</span>`;
  return `<div class="what"><strong>${named}</strong>${way}<small>On ${nameOf(one.deviceId)}</small></div>${when('last seen', one.lastSeenAtMs, nowMs)}`;
}

function denial(one: OwnDenial, nameOf: NameOf, nowMs: number): string {
  const [code = 'unknown'] = one.reasons;
  const sentence = sentences.get(code) ?? 'The request was refused.';
  return `<div class="what"><strong>${shown(one.host)}</strong>${shown(one.path)}<small>${escapeHtml(sentence)} On ${nameOf(one.deviceId)}.</small><small>Reason <code>${shown(code)}</code> · reference <code>${shown(one.correlationId)}</code></small></div>${when('', one.atMs, nowMs)}`;
}

const sentences: ReadonlyMap<string, string> = new Map(
  [...Object.entries(reasons), ...Object.entries(refusals)].map(([code, words]) => [
    code,
    words.sentence,
  ]),
);

function endForm(end: string, label: string, style: string): string {
  return `<form method="post" action="${ownPrefix}me?end=${encodeURIComponent(end)}"><button class="button ${style}">${label}</button></form>`;
}

/**
 * HTML for text that somebody else may have written: within its own bounds, in its own direction, and
 * without what is not to be seen.
 */
function shown(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, '').toWellFormed();
  const cut = clean.length > shownMax ? `${clean.slice(0, shownMax).toWellFormed()}…` : clean;
  return `<bdi>${escapeHtml(cut)}</bdi>`;
}

/** HTML for a device by its id. */
type NameOf = (deviceId: string) => string;

function deviceNames(devices: readonly OwnDevice[]): NameOf {
  const names = new Map(devices.map(({ deviceId, name }) => [deviceId, name]));
  return (id) => {
    if (id === '') return 'a device without a certificate';
    return shown(names.get(id) ?? id);
  };
}

/** Characters of one text. */
const shownMax = 160;
const countryNames = new Intl.DisplayNames('en', { type: 'region', fallback: 'code' });

function countryName(code: string): string {
  return /^[A-Z]{2}$/.test(code) ? (countryNames.of(code) ?? code) : code;
}

/** `where` is HTML already. */
function when(word: string, atMs: number, nowMs: number, where = ''): string {
  if (atMs === 0) return '';
  const text = `${word} ${ago(atMs, nowMs)}${where}`.trim();
  return `<span class="when" title="${new Date(atMs).toISOString()}">${text}</span>`;
}

function ago(atMs: number, nowMs: number): string {
  const ms = nowMs - atMs;
  return ms < 60_000 ? 'just now' : `${span(ms)} ago`;
}

function ahead(atMs: number, nowMs: number): string {
  return `in ${span(Math.max(60_000, atMs - nowMs))}`;
}

/** In one unit, as people say it. */
function span(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 120) return minutes === 1 ? '1 minute' : `${minutes} minutes`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.floor(hours / 24)} days`;
}
