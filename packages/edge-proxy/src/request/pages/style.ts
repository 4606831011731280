import { hash } from 'node:crypto';

/** One style for all pages of ours; its hash stands in their Content-Security-Policy. */
export const style = `
:root{color-scheme:light dark;--page:#f4f5f7;--card:#fff;--text:#1d2430;--soft:#5b6675;--line:#dfe3e8;--mark:#2457c5;--on:#fff;--stop:#b3261e;--wait:#96650a;--good:#1f7a4d}
@media (prefers-color-scheme:dark){:root{--page:#12161d;--card:#1b212b;--text:#e7ebf1;--soft:#9aa6b6;--line:#2e3744;--mark:#7da7ff;--on:#0e1a33;--stop:#ff8a80;--wait:#f0bd5a;--good:#6fd3a0}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:flex;align-items:center;justify-content:center;padding:24px;background:var(--page);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{width:100%;max-width:34rem;background:var(--card);border:1px solid var(--line);border-radius:14px;padding:36px 36px 24px;overflow-wrap:anywhere;box-shadow:0 8px 30px rgb(0 0 0/.06)}
.bar{width:44px;height:5px;border-radius:3px;background:var(--mark);margin-bottom:22px}
.stop .bar{background:var(--stop)}.wait .bar{background:var(--wait)}.good .bar{background:var(--good)}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 12px;letter-spacing:-.01em}
p{margin:0 0 12px}
.next{color:var(--soft)}
.actions{display:flex;flex-wrap:wrap;gap:12px;margin:22px 0 8px}
.actions form{margin:0}
.button{display:inline-block;font:inherit;font-weight:600;padding:9px 18px;border-radius:9px;border:1px solid var(--mark);background:var(--mark);color:var(--on);text-decoration:none;cursor:pointer}
.button:focus-visible{outline:3px solid var(--mark);outline-offset:2px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 16px;margin:24px 0 0;padding-top:16px;border-top:1px solid var(--line);font-size:.85rem;color:var(--soft)}
dt,dd{margin:0}
dd{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
main.wide{max-width:60rem}
h2{font-size:1.05rem;margin:32px 0 8px}
.note{margin:-4px 0 10px;font-size:.875rem;color:var(--soft)}
.list{list-style:none;margin:0;padding:0;border-top:1px solid var(--line)}
.list li{display:flex;flex-wrap:wrap;align-items:center;justify-content:space-between;gap:4px 20px;padding:11px 0;border-bottom:1px solid var(--line)}
.list .what{flex:1 1 20rem;min-width:0;overflow:hidden}
.list .what small{display:block;color:var(--soft)}
.list .when{color:var(--soft);font-size:.85rem}
.list form{margin:0}
.tag{display:inline-block;font-size:.75rem;font-weight:600;padding:1px 8px;margin-left:6px;border:1px solid var(--line);border-radius:20px;color:var(--soft)}
.tag.here{color:var(--good);border-color:var(--good)}.tag.bad{color:var(--stop);border-color:var(--stop)}
.second{background:none;color:var(--mark)}
.quiet{padding:5px 13px;font-size:.85rem}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.85em}
.credit{margin:28px 0 0;font-size:.8rem;color:var(--soft)}
@media (max-width:30rem){main{padding:26px 22px 18px}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:8px}}
`.trim();

/** Nothing runs, nothing is loaded, nobody frames it; forms lead to this host. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${hash('sha256', style, 'base64')}'`,
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');
