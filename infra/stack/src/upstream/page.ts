import { html, page } from '../page.ts';

export interface Visit {
  readonly host: string;
  readonly method: string;
  readonly path: string;
  readonly requestId: string;
  readonly identity: Identity | null;
  /** Why there is no identity. */
  readonly problem: string | null;
  /** Subject of the certificate with which the edge came, null without one. */
  readonly edgeCertificate: string | null;
}

export interface Identity {
  readonly subject: string;
  readonly email: string;
  readonly groups: readonly string[];
  readonly device: string | null;
  readonly session: string;
  readonly methods: readonly string[];
  readonly issuer: string;
  readonly audience: string;
  readonly expiresAt: string;
}

const titles: Readonly<Record<string, string>> = {
  'wiki.corp.localhost': 'Corp wiki',
  'reports.fin.localhost': 'Finance reports',
  'admin.corp.localhost': 'Administration',
};

/** The page of the demo application: who it thinks is in front of it, and how it knows. */
export function visitPage(visit: Visit): string {
  const title = titles[visit.host] ?? visit.host;
  return page({ title, badge: `${title} · demo application`, main: content(visit, title) });
}

function content({ identity, problem, ...visit }: Visit, title: string) {
  if (identity === null) {
    return html`<h1>${title}</h1>
      <p class="alert" role="alert">No identity: ${problem ?? 'unknown'}.</p>
      <p>This request did not come through the gate, or what came with it does not verify.</p>`;
  }
  const chips = (values: readonly string[]) =>
    values.length === 0
      ? html`none`
      : values.map((text) => html`<span class="chip">${text}</span>`);
  return html`<h1>Hello, ${identity.email}</h1>
    <p class="good">The assertion on this request verifies with the published keys.</p>
    <dl>
      <dt>Application</dt><dd>${title}</dd>
      <dt>User</dt><dd>${identity.email} <code>${identity.subject}</code></dd>
      <dt>Groups</dt><dd>${chips(identity.groups)}</dd>
      <dt>Device</dt><dd>${identity.device === null ? 'none' : html`<code>${identity.device}</code>`}</dd>
      <dt>Session</dt><dd><code>${identity.session}</code></dd>
      <dt>Signed in by</dt><dd>${chips(identity.methods)}</dd>
      <dt>Issuer</dt><dd>${identity.issuer}</dd>
      <dt>Audience</dt><dd>${identity.audience}</dd>
      <dt>Valid until</dt><dd>${identity.expiresAt}</dd>
      <dt>Edge came as</dt><dd>${visit.edgeCertificate ?? 'no certificate'}</dd>
      <dt>Request</dt><dd><code>${visit.method} ${visit.path}</code><br><code>${visit.requestId}</code></dd>
    </dl>
    <h2>Other things here</h2>
    <p><code>/stream</code> a slow download · <code>/file?bytes=N</code> a large one, and ranges of it ·
      <code>/events</code> server-sent events · <code>/ws</code> a WebSocket that echoes ·
      <code>POST /upload</code> counts bytes · <code>Accept: application/json</code> this page as data</p>`;
}
