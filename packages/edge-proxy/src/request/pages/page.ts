import { ownPrefix } from '../origins.ts';
import { style } from './style.ts';

export type PageAction =
  /** Asks for the same address again. */
  { readonly kind: 'reload'; readonly label: string } | { readonly kind: 'sign_out' };

export interface Page {
  readonly title: string;
  /** What happened, in one sentence. */
  readonly sentence: string;
  /** What to do about it; empty: nothing. */
  readonly next: string;
  /** For those who look further. */
  readonly code: string;
  readonly mood: 'stop' | 'wait' | 'good' | 'plain';
  readonly actions: readonly PageAction[];
  readonly host: string;
  readonly correlationId: string;
  readonly time: string;
}

/** A small page that needs nothing else: no script, no image, no font. */
export function renderPage(page: Page): string {
  const next = page.next === '' ? '' : `<p class="next">${escapeHtml(page.next)}</p>`;
  const actions = page.actions.map(renderAction).join('');
  return renderDocument(
    page.title,
    page.mood,
    `<h1>${escapeHtml(page.title)}</h1>
<p>${escapeHtml(page.sentence)}</p>
${next}${actions === '' ? '' : `<div class="actions">${actions}</div>`}
<dl>
<dt>Reference</dt><dd id="reference">${escapeHtml(page.correlationId)}</dd>
<dt>Reason</dt><dd id="reason">${escapeHtml(page.code)}</dd>
${page.host === '' ? '' : `<dt>Address</dt><dd>${escapeHtml(page.host)}</dd>\n`}<dt>Time</dt><dd>${escapeHtml(page.time)}</dd>
</dl>`,
  );
}

/** A whole document around what stands in `main`, which is HTML already. */
export function renderDocument(title: string, mainClass: string, main: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
<main class="${mainClass}">
<div class="bar"></div>
${main}
</main>
</body>
</html>
`;
}

function renderAction(action: PageAction): string {
  if (action.kind === 'reload') {
    return `<a class="button" href="">${escapeHtml(action.label)}</a>`;
  }
  return `<form method="post" action="${ownPrefix}sign-out"><button class="button">Sign out</button></form>`;
}

/** Text for any place in HTML, attributes included. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
