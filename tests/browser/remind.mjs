// remind.mjs open|missed LINK EVENT: Alice's page on a device where Bob, her friend, is signed in, too (tests/e2e/page_test.py).
// open: she sets reminders and is shown them, once, in the page or by the browser; her form says when Bob is busy, and of a name that
// it is too long. missed: what fell due while no page was open is shown when one is, once.
import { check_accessibility, expect, field, launch, open } from './lib.mjs'

const [phase, link, event] = process.argv.slice(2)
const origin = new URL(link).origin
const browser = await launch()

/** A page that notes what it asks of Notification, and what it shows by it. */
async function enter(permission) {
  const made = await open(browser, { real_clock: true }) // what is due is the daemon's time
  await made.page.addInitScript((now) => {
    window.shown = []
    window.asked = 0
    window.Notification = class {
      static permission = now
      static async requestPermission() {
        window.asked++
        return (window.Notification.permission = now === 'default' ? 'denied' : now)
      }
      constructor(title, more) { window.shown.push([title, more.body]) }
      close() {}
    }
  }, permission)
  await made.page.goto(link)
  await made.page.getByText('Files for what is coming').waitFor()
  return made
}
const notice = (page) => page.locator('.toast', { hasText: 'Tea' })
const taken = (page) => page.waitForResponse((one) => one.url().endsWith('/v1/reminders/take')).then((one) => one.json())
/** Reminds her in one to two seconds, at a whole one. */
const remind = (page) => page.evaluate(async (path) => {
  const at = new Date(Date.now() + 2000).toISOString().slice(0, 19) + 'Z'
  const answer = await fetch(path, { method: 'PUT', headers: { 'Calbox-Page': '1', 'Content-Type': 'application/json' }, body: JSON.stringify({ minutes: [], at: [at] }) })
  if (!answer.ok) throw new Error(await answer.text())
}, `/v1/events/${event}/reminders`)

try {
  const alice = await enter('default')
  const { page } = alice
  const dialog = page.locator('dialog[open]')
  if (phase === 'missed') {
    await notice(page).waitFor()
    await check_accessibility(page, 'a reminder')
    expect((await notice(page).count()) === 1, 'it is shown twice')
    const again = taken(page)
    await page.reload()
    expect((await again).reminders.length === 0, 'it is given out again')
    await page.getByText('Files for what is coming').waitFor()
    expect((await notice(page).count()) === 0, 'it is shown again')
  } else {
    await page.getByRole('button', { name: /Tea/ }).first().click()
    await dialog.getByRole('heading', { name: 'Remind me' }).waitFor()
    await dialog.getByLabel('1 day before').waitFor()
    expect((await page.evaluate(() => window.asked)) === 0, 'it asked for a permission before anybody wanted a reminder')
    await dialog.getByLabel('10 minutes before').check()
    await dialog.getByText('Only you see this.').waitFor()
    expect((await page.evaluate(() => window.asked)) === 1, 'it did not ask for the permission once')
    await dialog.getByLabel('At a time').fill('2031-03-04T09:30')
    await dialog.getByRole('button', { name: 'Add', exact: true }).click()
    await dialog.getByText('at 4 Mar').waitFor()
    await check_accessibility(page, 'the reminders of an event')
    const kept = await page.evaluate((path) => fetch(path, { headers: { 'Calbox-Page': '1' } }).then((one) => one.json()), `/v1/events/${event}/reminders`)
    expect(JSON.stringify(kept) === JSON.stringify({ at: ['2031-03-04T09:30:00Z'], minutes: [10] }), `kept: ${JSON.stringify(kept)}`)
    await dialog.getByRole('button', { name: 'Close' }).click()

    await remind(page)
    await notice(page).waitFor()
    expect((await page.evaluate(() => window.shown.length)) === 0, 'a notification without a permission')
    const other = await alice.context.newPage()
    const empty = taken(other)
    await other.goto(origin)
    expect((await empty).reminders.length === 0, 'another page of the device shows it, too')
    await other.close()
    await notice(page).getByRole('button', { name: 'Open' }).click()
    await dialog.getByRole('heading', { name: 'Tea' }).waitFor()
    await dialog.getByRole('button', { name: 'Close' }).click()

    await page.keyboard.press('c')
    await field(page, 'Name').fill('ü'.repeat(130))
    await dialog.getByText('The name is too long: 260 bytes, and 255 are the most.').waitFor()
    await field(page, 'Name').fill('Together')
    const day = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)
    await field(page, 'Date').fill(day)
    await field(page, 'Start').fill('10:30')
    await field(page, 'End').fill('11:30')
    for (const name of ['bob', 'carol']) await dialog.getByLabel(name).check()
    const says = (name, text) => dialog.locator('.person', { hasText: name }).getByText(text).waitFor()
    await says('bob', 'busy 10:30 – 11:00')
    await says('carol', 'not known if free')
    await check_accessibility(page, 'who is busy')
    await field(page, 'Start').fill('12:00')
    await says('bob', 'free then')
    await page.evaluate(() => { window.Notification.permission = 'granted' })
    await remind(page)
    await page.waitForFunction(() => window.shown.length > 0)
    const shown = await page.evaluate(() => window.shown)
    expect(shown.length === 1 && shown[0][0] === 'Tea', `notifications: ${JSON.stringify(shown)}`)
    expect((await notice(page).count()) === 0, 'a notice beside the notification')
  }
  expect(alice.complaints.length === 0, `the page complained: ${alice.complaints.join('; ')}`)
} finally {
  await browser.close()
}
