/** Text that may go into a page as it is. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Makes HTML of a template; every value that is not HTML itself is escaped. */
export function html(
  strings: TemplateStringsArray,
  ...values: readonly (string | number | Html | readonly Html[])[]
): Html {
  const written = values.map((value) => {
    if (value instanceof Html) return value.text;
    if (typeof value === 'object') return value.map(({ text }) => text).join('');
    return String(value).replace(/[&<>"']/g, (character) => escapes[character] ?? '');
  });
  return new Html(String.raw({ raw: strings }, ...written));
}

const style = `
:root { color-scheme: light dark; --ink: #14213d; --paper: #f4f5f7; --card: #fff; --line: #d9dde5;
  --quiet: #5b667a; --accent: #1f5fbf; --good: #12693f; --good-paper: #e4f4ec; --bad: #9b1c1c;
  --bad-paper: #fdeaea; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf4; --paper: #10141c; --card: #191f2b;
  --line: #2c3546; --quiet: #9aa6bb; --accent: #7fb0ff; --good: #7ddba9; --good-paper: #12301f;
  --bad: #ff9c9c; --bad-paper: #3a1717; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; padding: 4rem 1rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 44rem; margin: 0 auto; padding: 2rem 2.25rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 14px; }
.badge { max-width: 44rem; margin: 0 auto .75rem; color: var(--quiet); font-size: .85rem;
  letter-spacing: .03em; }
h1 { margin: 0 0 .5rem; font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 2rem 0 .5rem; font-size: 1.05rem; }
p { margin: 0 0 1rem; }
dl { display: grid; grid-template-columns: 10rem 1fr; gap: .45rem 1rem; margin: 1.25rem 0; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
code, pre { font: .85rem/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; padding: 1rem; border: 1px solid var(--line); border-radius: 8px; }
.chip { display: inline-block; margin: 0 .35rem .2rem 0; padding: .05rem .6rem;
  border: 1px solid var(--line); border-radius: 999px; font-size: .85rem; }
.good { padding: .6rem .9rem; border-radius: 8px; color: var(--good); background: var(--good-paper); }
.alert { padding: .6rem .9rem; border-radius: 8px; color: var(--bad); background: var(--bad-paper); }
label { display: block; margin: 0 0 1rem; color: var(--quiet); }
input { display: block; width: 100%; margin-top: .3rem; padding: .6rem .75rem; color: var(--ink);
  background: var(--paper); border: 1px solid var(--line); border-radius: 8px; font: inherit; }
button { padding: .6rem 1.4rem; border: 0; border-radius: 8px; color: #fff; background: #1f5fbf;
  font: inherit; font-weight: 600; cursor: pointer; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
@media (max-width: 34rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .7rem; }
  main { padding: 1.5rem; } body { padding: 2rem .75rem; } }
`;

/** A whole page in the look of the stack's own servers. No script, nothing loaded. */
export function page({ title, badge, main }: { title: string; badge: string; main: Html }): string {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><style>${new Html(style)}</style></head>
<body><p class="badge">${badge}</p><main>${main}</main></body></html>
`.text;
}

export const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const;
