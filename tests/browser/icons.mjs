// icons.mjs: web/public/icon-*.png anew from icon.svg, for systems that install the page and draw no SVG. Run it when icon.svg changes.
import { readFileSync, writeFileSync } from 'node:fs'
import { launch } from './lib.mjs'

const folder = new URL('../../web/public/', import.meta.url)
const svg = readFileSync(new URL('icon.svg', folder), 'utf8')
const browser = await launch()
try {
  // A maskable one may lose all but its inner 80 % (W3C Web App Manifest, "icon masks"), and has no transparent edge.
  for (const [name, size, inner, ground] of [['icon-192', 192, 192, ''], ['icon-512', 512, 512, ''], ['icon-maskable', 512, 360, '#9cc4c2']]) {
    const page = await browser.newPage({ viewport: { width: size, height: size } })
    await page.setContent(`<body style="margin:0;height:100vh;display:grid;place-items:center;background:${ground || 'transparent'}">
      <img width="${inner}" height="${inner}" src="data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}">`)
    await page.locator('img').evaluate((one) => one.decode())
    writeFileSync(new URL(`${name}.png`, folder), await page.screenshot({ omitBackground: !ground }))
    await page.close()
  }
} finally {
  await browser.close()
}
