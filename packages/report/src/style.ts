/** The page's only style sheet. Line colors keep their contrast and order for the color-blind, on light and on dark. */
export const style = `
:root { color-scheme: light dark; --page: #fff; --ink: #1b1f24; --soft: #59626e; --line: #dfe3e8; --card: #f6f7f9;
  --good: #157347; --bad: #b3261e; --accent: #2456a6;
  --s0: #1b1f24; --s1: #0b6fb8; --s2: #c2570c; --s3: #0d8066; --s4: #9b3f94; --s5: #8a6d00; }
@media screen and (prefers-color-scheme: dark) { :root { --page: #14171b; --ink: #e8eaed; --soft: #a3acb8; --line: #30363e; --card: #1c2026;
  --good: #57c98f; --bad: #ff8a80; --accent: #8ab4f8;
  --s0: #e8eaed; --s1: #62b0f0; --s2: #f59a55; --s3: #4cc9a8; --s4: #d98fd2; --s5: #dcc04f; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0 auto; padding: 3rem 1.5rem 4rem; max-width: 69rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: break-word; }
h1, h2, h3, h4, p, figure, dl, dd, ol, ul { margin: 0; padding: 0; }
h1 { font-size: 2rem; line-height: 1.2; letter-spacing: -0.02em; text-wrap: balance; }
h2 { font-size: 1.375rem; line-height: 1.3; letter-spacing: -0.01em; margin-bottom: 1rem; }
h3 { font-size: 1rem; line-height: 1.4; margin: 2rem 0 0.25rem; }
h4 { font-size: 0.9375rem; line-height: 1.35; }
section { margin-top: 3.5rem; padding-top: 1.5rem; border-top: 1px solid var(--line); }
.run, .hint, .lead { color: var(--soft); } .run { margin-top: 0.5rem; } .run b { color: var(--ink); font-weight: 600; }
.hint, small { font-size: 0.8125rem; color: var(--soft); } .lead { max-width: 44rem; }
nav { margin-top: 1rem; } nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; list-style: none; }
a { color: var(--accent); text-underline-offset: 0.2em; }
img { display: block; max-width: 100%; height: auto; border-radius: 4px; background: #fff; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); gap: 1px; margin-top: 2rem;
  border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
.figures:not(:has(div)) { display: none; } .figures div { padding: 1rem 1.25rem; box-shadow: 0 0 0 1px var(--line); }
.figures dt { font-size: 0.875rem; color: var(--soft); } .figures .against { font-size: 0.8125rem; color: var(--soft); }
.figures .value { font-size: 2rem; line-height: 1.3; font-weight: 600; letter-spacing: -0.02em; }
table { border-collapse: collapse; font-size: 0.9375rem; } caption { text-align: left; color: var(--soft); font-size: 0.875rem; padding-bottom: 0.5rem; }
th, td { padding: 0.375rem 0; text-align: right; font-weight: 400; vertical-align: baseline; } tbody tr { border-top: 1px solid var(--line); }
th:first-child { text-align: left; } th + th, th + td, td + td { padding-left: 1.5rem; }
thead th { font-size: 0.8125rem; color: var(--soft); } .scores { min-width: 26rem; } .scores .main { font-weight: 600; }
.baseline th, .baseline td, .scores .baseline .main { color: var(--soft); font-weight: 400; }
.scores + .hint { margin-top: 0.75rem; max-width: 44rem; }
.scroll { overflow-x: auto; } .scroll:focus-visible, a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(27rem, 100%), 1fr)); gap: 2rem 3rem; } .curve { min-width: 0; }
.curve h3 { margin-top: 0; } .chart { display: block; width: 100%; height: auto; margin: 0.5rem 0; font-size: 12px; }
.chart .grid line, .chart .rate line { stroke: var(--line); } .chart .tick text { fill: var(--soft); }
.chart path { fill: none; stroke-linecap: round; stroke-linejoin: round; } .chart .series path { stroke: var(--s); }
.chart .each { stroke-width: 1; opacity: 0.35; } .chart .mean { stroke-width: 2; } .chart .ends text { fill: var(--s); font-weight: 600; }
.chart .rate path { stroke: var(--soft); stroke-width: 1.5; }
.s0 { --s: var(--s0); } .s1 { --s: var(--s1); } .s2 { --s: var(--s2); } .s3 { --s: var(--s3); } .s4 { --s: var(--s4); } .s5 { --s: var(--s5); }
.legend { width: 100%; font-size: 0.875rem; } .legend td, .legend thead th { white-space: nowrap; } .legend small { margin-left: 0.25rem; } .curve > .hint { margin-top: 0.5rem; }
.swatch { display: inline-block; width: 0.875rem; height: 3px; margin-right: 0.5rem; border-radius: 2px; background: var(--s); vertical-align: 0.25em;
  print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.sheet { margin-top: 0.75rem; } .sheet th, .sheet td { vertical-align: middle; } .sheet tbody th { width: 16rem; min-width: 9rem; }
.sheet td, .sheet thead th + th { padding: 0.5rem 0 0.5rem 1rem; } .sheet thead th:not(:first-child) { text-align: left; }
.sheet td:last-child { text-align: left; white-space: nowrap; color: var(--soft); } .sheet img { width: 5rem; min-width: 5rem; }
img.right { outline: 3px solid var(--good); outline-offset: 2px; }
.cards, .captions, .maps { list-style: none; } .cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: 1.5rem 2rem; margin-top: 1rem; }
.cards > li { display: grid; grid-template-columns: 6rem 1fr; gap: 1rem; align-items: start; break-inside: avoid; } .cards img { width: 100%; }
.cards ol { margin-top: 0.25rem; padding-left: 1.25rem; font-size: 0.875rem; color: var(--soft); } .cards ol .right { color: var(--good); font-weight: 600; }
.cards .hint { margin-top: 0.125rem; } .scroll + .cards { margin-top: 2rem; }
.said { font-weight: 600; } .mark { margin-left: 0.375rem; font-weight: 600; } .yes { color: var(--good); } .no { color: var(--bad); }
.captions { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 2rem 1.5rem; margin-top: 1.5rem; } .captions li { break-inside: avoid; }
.captions img { width: 100%; max-width: 9rem; } .captions .said { margin-top: 0.625rem; line-height: 1.35; }
.captions dl { margin-top: 0.375rem; font-size: 0.8125rem; line-height: 1.4; color: var(--soft); } .captions dt { font-size: 0.75rem; margin-top: 0.25rem; }
.captions dd { color: var(--ink); } .bar { display: block; overflow: visible; } .bar .track { fill: var(--card); stroke: var(--line); } .bar .fill { fill: var(--s1); }
.bar path { stroke: var(--ink); stroke-width: 2; } .scores .bars { vertical-align: middle; }
.key { display: flex; flex-wrap: wrap; align-items: center; gap: 0.625rem; margin-top: 1rem; font-size: 0.8125rem; color: var(--soft); }
.ramp { width: 9rem; height: 0.75rem; border-radius: 2px; border: 1px solid var(--line); print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.attention { break-inside: avoid; } .panel { display: grid; grid-template-columns: 8rem 1fr; gap: 1.25rem; margin-top: 0.5rem; }
.maps { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.25rem, 1fr)); gap: 0.875rem; } .panel img { width: 100%; border: 1px solid var(--line); }
.panel figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; margin-top: 0.25rem; font-size: 0.8125rem; color: var(--soft); }
.notes { padding-left: 1.25rem; max-width: 44rem; } .notes li + li { margin-top: 0.5rem; }
@media (max-width: 40rem) { body { padding: 1.5rem 1rem 3rem; } .scores { min-width: 0; width: 100%; } .panel { grid-template-columns: 1fr; } .panel > figure { max-width: 8rem; } }
@media print { html { font-size: 8.5pt; } body { max-width: none; padding: 0; } nav { display: none; } section { margin-top: 2rem; } .curves { grid-template-columns: 1fr 1fr; }
  h2, h3, h3 + .hint, .lead, .key { break-after: avoid; } tr, .curve { break-inside: avoid; } .scroll { overflow: visible; } .bar rect { print-color-adjust: exact; } }
`;
