// page.mjs ALICE BOB CHANGES: links that sign in at two pages. Prints what bench/page.py says. Times are the browser's, which both pages share.
import { expect, launch, open } from '../tests/browser/lib.mjs'

const [alices, bobs, changes] = process.argv.slice(2)
const middle = (all) => [...all].sort((a, b) => a - b)[all.length >> 1]
const round = (ms) => Math.round(ms * 10) / 10
const summary = (all) => ({ count: all.length, median_ms: round(middle(all)), max_ms: round(Math.max(...all)) })

/** Notes in the page when the first event has been painted. */
function noteTheFirst() {
  const seen = new MutationObserver(() => {
    if (!document.querySelector('.ec-event')) return
    seen.disconnect()
    requestAnimationFrame(() => requestAnimationFrame(() => (window.drawn = performance.now())))
  })
  seen.observe(document, { childList: true, subtree: true })
}

const browser = await launch()
try {
  const alice = await open(browser, { real_clock: true })
  const dropped = []
  alice.page.on('requestfailed', (one) => { if (!one.url().endsWith('/v1/watch')) dropped.push(one.url()) })
  alice.page.on('response', (one) => { if (one.status() >= 400) dropped.push(`${one.status()} ${one.url()}`) })
  const lists_under_way = new Set()
  alice.page.on('request', (one) => { if (new URL(one.url()).pathname === '/v1/events') lists_under_way.add(one) })
  for (const over of ['requestfinished', 'requestfailed']) alice.page.on(over, (one) => lists_under_way.delete(one))
  await alice.page.goto(alices)
  await alice.page.getByRole('navigation').waitFor({ timeout: 120_000 })
  await alice.page.addInitScript(noteTheFirst)
  await alice.page.goto(`${alices.split('#')[0]}#/calendar`)
  const paints = []
  for (let tries = 0; tries < 5; tries++) {
    await alice.page.reload()
    paints.push(await (await alice.page.waitForFunction(() => window.drawn, undefined, { timeout: 120_000 })).jsonValue())
  }
  // The limit: to fetch the list and to read it, and to draw nothing; not to wait for the page, which reads it, too.
  while (lists_under_way.size > 0) await alice.page.waitForTimeout(50)
  const lists = await alice.page.evaluate(async () => {
    const taken = []
    for (let tries = 0; tries < 5; tries++) {
      const begun = performance.now()
      await (await fetch('/v1/events')).json()
      taken.push(performance.now() - begun)
    }
    return taken
  })

  await alice.page.keyboard.press('m')
  await alice.page.locator('.ec-day-grid').waitFor()
  dropped.length = 0
  const months = []
  for (let month = 0; month < 12; month++) {
    months.push(await alice.page.evaluate(async () => {
      const title = document.querySelector('h1').textContent, begun = performance.now()
      document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', bubbles: true }))
      const frame = () => new Promise((drawn) => requestAnimationFrame(drawn))
      for (let frames = 0; document.querySelector('h1').textContent === title; frames++) {
        if (frames > 600) throw new Error(`the calendar stays at ${title}`)
        await frame()
      }
      await frame()
      return performance.now() - begun
    }))
  }
  expect(dropped.length === 0, `dropped while a year was scrolled through: ${dropped}`)

  const bob = await open(browser, { real_clock: true })
  await bob.page.goto(bobs)
  await bob.page.getByText('Connected', { exact: true }).waitFor()
  await bob.page.keyboard.press('e')
  const seen = [], trips = []
  for (let change = 0; change < Number(changes) + 5; change++) {
    const title = `Change ${change} of the bench`
    const told = bob.page.evaluate((wanted) => new Promise((resolve) => {
      const look = () => {
        if (!document.querySelector('main').textContent.includes(wanted)) return
        watcher.disconnect()
        requestAnimationFrame(() => resolve(Date.now()))
      }
      const watcher = new MutationObserver(look)
      watcher.observe(document.querySelector('main'), { childList: true, subtree: true, characterData: true })
      look()
    }), title)
    const begun = await alice.page.evaluate(async (named) => {
      const at = Date.now()
      const made = await fetch('/v1/events', { method: 'POST', headers: { 'Calbox-Page': '1', 'Content-Type': 'application/json' },
        body: JSON.stringify({ title: named, start: new Date(at + 86_400_000).toISOString().slice(0, 19), participants: ['bob'] }) })
      if (made.status !== 201) throw new Error(`creating an event: ${made.status}`)
      return at
    }, title)
    const at = await told
    const trip = await bob.page.evaluate(async () => {
      const sent = performance.now()
      await (await fetch('/v1/status')).json()
      return performance.now() - sent
    })
    if (change >= 5) { // the first ones dial
      seen.push(at - begun)
      trips.push(trip)
    }
  }
  console.log(JSON.stringify({
    first_paint: summary(paints), list_alone: summary(lists), month: summary(months), change_at_the_other_page: summary(seen), request: summary(trips),
  }))
} finally {
  await browser.close()
}
