// keyboard.mjs LINK PICTURE FILE: one person's page, played without a mouse: create, attach, look at a photo, move, resize, undo, edit,
// delete, search, help. Then titles and names of files that are hostile stay words.
import { expect, field, launch, open } from './lib.mjs'
import { categories, hostile, names } from './hostile.mjs'

const [link, picture, file] = process.argv.slice(2)
const browser = await launch()
try {
  const { page, complaints } = await open(browser)
  const keys = page.keyboard
  const focused = (label) => page.waitForFunction((wanted) => (document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '').trim().startsWith(wanted), label)
  async function tab_to(label) {
    for (let tries = 0; tries < 80; tries++) {
      if (await page.evaluate((wanted) => (document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '').trim().startsWith(wanted), label)) return
      await keys.press('Tab')
    }
    throw new Error(`Tab does not lead to ${label}`)
  }
  const toast = (text) => page.locator('.toast', { hasText: text }).last().waitFor()
  const times = () => page.evaluate(async () => (await (await fetch('/v1/events')).json()).events.filter((one) => one.title.startsWith('Keys')).map((one) => `${one.start} ${one.end}`)[0])
  const becomes = async (wanted) => {
    for (let tries = 0; (await times()) !== wanted; tries++) {
      expect(tries < 200, `the event is at ${await times()}, not ${wanted}`)
      await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(drawn)))
    }
  }
  const there = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)

  await page.goto(link)
  await page.getByText('Files for what is coming').waitFor()
  await page.evaluate(async (day) => fetch('/v1/events', { method: 'POST', headers: { 'Calbox-Page': '1', 'Content-Type': 'application/json' },
    body: JSON.stringify({ title: 'Marker', start: `${day}T06:00:00` }) }), there)
  await keys.press('c')
  await field(page, 'Name').waitFor()
  await keys.type('Keys')
  await keys.press('Enter')
  await toast('New event created')
  await page.locator('dialog[open]').waitFor({ state: 'detached' })
  await page.evaluate(async (day) => {
    const one = (await (await fetch('/v1/events')).json()).events.find((each) => each.title === 'Keys')
    await fetch(`/v1/events/${one.id}`, { method: 'PATCH', headers: { 'Calbox-Page': '1', 'Content-Type': 'application/json' }, body: JSON.stringify({ start: `${day}T10:00:00`, end: `${day}T11:00:00` }) })
  }, there)
  await becomes(`${there}T10:00:00 ${there}T11:00:00`)

  // A second zone beside the hours of the day that is shown, and in the form of a new event.
  await keys.press('d')
  await page.locator('.ec-slot time').nth(16).waitFor()
  await tab_to('One time zone')
  await keys.type('New York')
  await page.locator('.ec-slot time span').nth(32).waitFor()
  const wrong = await page.evaluate(() => {
    const clock = (zone, moment) => new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: 'numeric', minute: '2-digit' }).format(moment)
    const hours = [...document.querySelectorAll('.ec-slot time')].map((one) => [...one.children].map((text) => text.textContent))
    const today = new Date().toISOString().slice(0, 10)
    return hours.length < 24 ? [hours.length] : hours.filter(([here, there]) => {
      const moment = new Date(`${today}T${here.padStart(5, '0')}:00Z`)
      return clock('UTC', moment) !== here || !there.endsWith(clock('America/New_York', moment))
    })
  })
  expect(wrong.length === 0, `hours of two zones: ${JSON.stringify(wrong)}`)
  await keys.press('Tab')
  await keys.press('c')
  await page.getByText(/^Your \d+:\d\d is ([A-Z][a-z]+,? )?\d+:\d\d in New York\.$/).waitFor()
  await keys.press('Escape')
  await page.locator('dialog[open]').waitFor({ state: 'detached' })

  await keys.press('a')
  if (there.endsWith('-01')) await keys.press('j') // the agenda is of a month
  await page.locator('.ec-event', { hasText: 'Keys' }).waitFor()
  await tab_to('Keys')
  await keys.press('Shift+ArrowDown')
  await becomes(`${there}T10:30:00 ${there}T11:30:00`)
  await focused('Keys') // and it goes on from there
  await keys.press('+')
  await becomes(`${there}T10:30:00 ${there}T12:00:00`)
  await toast('Moved to')
  await keys.press('u')
  await becomes(`${there}T10:30:00 ${there}T11:30:00`)

  await tab_to('Keys')
  await keys.press('Enter')
  await tab_to('browse')
  page.on('filechooser', () => {}) // from now on; one that comes before it is asked for would be cancelled
  await page.locator('dialog input[type=file]').dispatchEvent('cancel', { bubbles: true })
  for (const [at, one] of [picture, file].entries()) {
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), keys.press('Enter')])
    await chooser.setFiles(one)
    await page.locator('dialog').getByRole('link', { name: /^Download / }).nth(at).waitFor()
  }
  await page.locator('.kind canvas[data-stage=drawn]').waitFor()
  await keys.press('Shift+Tab')
  for (let tries = 0; tries < 20 && !(await page.evaluate(() => document.activeElement.textContent.trim() === 'Photos')); tries++) await keys.press('Shift+Tab')
  await keys.press('Enter')
  const drawn = page.locator('.stage canvas[data-stage=drawn]')
  await drawn.waitFor()
  const colour = await drawn.evaluate((box) => [...box.getContext('2d').getImageData(1, 1, 1, 1).data])
  expect(colour.join() === '200,30,60,255', `the photo's first pixel is ${colour}`)
  await keys.press('Escape')
  await drawn.waitFor({ state: 'detached' })
  await tab_to('Download all')
  const got = []
  page.on('download', (one) => got.push(one.suggestedFilename()))
  await Promise.all([page.waitForEvent('download', () => got.length === 2), keys.press('Enter')])

  // A refusal that tells of nobody who is missing: its reason stays, and no take-over is offered, which would be refused, too.
  await page.route('**/lock', (route) => route.fulfill({ status: 503, json: { code: 'unavailable', detail: 'the engine does not answer' } }), { times: 1 })
  await tab_to('Modify')
  await keys.press('Enter')
  await page.getByText('It cannot be changed now. The engine does not answer.').waitFor()
  await page.getByRole('button', { name: 'Copy it for me' }).waitFor()
  expect(await page.getByRole('button', { name: 'Take it over' }).count() === 0, 'a take-over is offered where nobody is known to be missing')
  await tab_to('Modify')
  await keys.press('Enter')
  await field(page, 'Place').waitFor()
  await field(page, 'Name').focus()
  await keys.press('End')
  await keys.type(' 2')
  await keys.press('Enter')
  await toast('Event modified')
  await keys.press('Escape')
  await page.locator('dialog[open]').waitFor({ state: 'detached' })
  await tab_to('Keys 2')
  await keys.press('Delete')
  await focused('Delete')
  await keys.press('Enter')
  await toast('was deleted')
  await keys.press('u')
  await toast('is back')
  await keys.press('/')
  await page.locator('input[type=search]').waitFor()
  await page.waitForFunction(() => document.activeElement?.matches('input[type=search]'))
  await keys.type('Keys 2')
  await page.getByRole('button', { name: 'Keys 2', exact: true }).waitFor()
  await page.getByRole('button', { name: 'Marker', exact: true }).waitFor({ state: 'detached' })
  for (let tries = 0; tries < 3; tries++) await keys.press('Tab')
  await keys.press('?')
  await page.getByRole('heading', { name: 'Keyboard' }).waitFor()
  await keys.press('Escape')

  // As titles, places, infos and categories; as names of files.
  expect(new Set(hostile).size >= 200, 'fewer than 200 hostile texts')
  const home = page.url().split('#')[0]
  await page.goto(`${home}icon.svg`) // the same origin, and no page that follows each change
  const refused = await page.evaluate(async ([texts, files, categories]) => {
    const head = { 'Calbox-Page': '1', 'Content-Type': 'application/json' }, refused = []
    const makers = texts.map((text, at) => async () => {
      const made = await fetch('/v1/events', { method: 'POST', headers: head, body: JSON.stringify({ title: text, place: text, info: text, categories: [categories[at]], start: new Date(Date.UTC(2031, 0, 1, at)).toISOString().slice(0, 19) }) })
      if (made.status !== 201) refused.push(text)
      else if (at % 20 === 0) {
        const one = await made.json()
        for (const name of files.slice(at, at + 20)) {
          const put = await fetch(`/v1/events/${one.id}/files/${encodeURIComponent(name)}`, { method: 'POST', headers: { 'Calbox-Page': '1', 'Content-Type': 'text/html' }, body: name })
          if (put.status >= 500) refused.push(name)
        }
      }
    })
    await Promise.all([1, 2, 3, 4].map(async () => { for (let make; (make = makers.pop()); ) await make() }))
    for (const long of ['x'.repeat(256), '😀'.repeat(64)]) {
      const made = await fetch('/v1/events', { method: 'POST', headers: head, body: JSON.stringify({ title: long, start: '2031-01-01T00:00:00' }) })
      if (made.status !== 413) refused.push(`${made.status} for a title of more than 255 bytes`)
    }
    for (const color of ['red;background:url(//evil.example)', '--own', 'url(x)', '#ff0000']) {
      const made = await fetch('/v1/events', { method: 'POST', headers: head, body: JSON.stringify({ title: color, color, start: '2031-01-01T00:00:00' }) })
      if (made.status !== 400) refused.push(`${made.status} for the colour ${color}`)
    }
    return refused
  }, [hostile, names, categories])
  expect(refused.length === 0, `refused: ${refused}`)
  await page.goto(`${home}#/events`)
  await page.getByRole('table').waitFor()
  const rows = () => page.evaluate(() => [...document.querySelectorAll('td button')].map((one) => one.textContent.trim()))
  await page.getByRole('button', { name: 'DROP TABLE events' }).first().waitFor()
  const seen = new Set(await rows())
  const missing = hostile.filter((text) => !seen.has(text.trim()))
  expect(missing.length === 0, `not shown as they are: ${missing.slice(0, 5).join(' | ')}`)
  const named = new Set(await page.evaluate(() => [...document.querySelectorAll('td .of')].map((one) => one.textContent.trim())))
  const unnamed = categories.filter((text) => !named.has(text))
  expect(unnamed.length === 0, `categories that are not shown as they are: ${unnamed.slice(0, 5).join(' | ')}`)
  expect((await page.locator('main :is(script, iframe, img, object, form, math, style, link, meta, details)').count()) === 0, 'a text became an element')
  await page.emulateMedia({ media: 'print' })
  expect(await page.getByRole('table').isVisible() && !(await page.locator('nav').isVisible()), 'printed with what is for the screen')
  expect(complaints.length === 0, `the page complained: ${complaints.join(' | ')}`)
} finally {
  await browser.close()
}
